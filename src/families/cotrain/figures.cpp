// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/declarations.h"

namespace plumb::families::cotrain {

namespace {

lab::Figure figure(const char* name, const char* title, const char* caption, lab::Mark mark, const char* x, const char* y,
                   const char* colour) {
    lab::Figure made;
    made.name = name;
    made.title = title;
    made.caption = caption;
    made.mark = mark;
    made.x = x;
    made.y = y;
    made.colour = colour;
    return made;
}

}  // namespace

const std::vector<lab::Figure>& figures() {
    using lab::Mark;
    static const std::vector<lab::Figure> made = [] {
        lab::Figure rules = figure("rules", "Accuracy by selection and exchange",
                                   "Mean over random splits with its 95 % interval; joint prediction on held-out samples.", Mark::bars,
                                   "selection", "accuracy", "exchange");
        rules.reference = "labels_only_accuracy";
        rules.reference_title = "labels alone";
        lab::Figure gain = figure("gain", "What the pool adds to the labels",
                                  "Accuracy less that of the labels alone, split by split: mean with its 95 % interval.", Mark::bars,
                                  "selection", "gain", "exchange");
        lab::Figure purity = figure("purity", "Accuracy against precision of the pseudo-labels", "A point a setting.", Mark::points,
                                    "pseudo_precision", "accuracy", "selection");
        lab::Figure drift = figure("drift", "Accuracy against drift of the classes",
                                   "A point a setting. Drift 0: pseudo-labels are spread over the classes like the labels.", Mark::points,
                                   "prior_drift", "accuracy", "selection");
        return std::vector{rules, gain, purity, drift};
    }();
    return made;
}

}  // namespace plumb::families::cotrain
