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
        const auto by_round = [](const char* name, const char* title, const char* caption, const char* table, const char* y,
                                 const char* colour) {
            lab::Figure curve = figure(name, title, caption, Mark::lines, "round", y, colour);
            curve.table = table;
            return curve;
        };
        const char* const over_splits =
            "Mean over random splits with its 95 % interval. Round 0 saw the labels alone; a split that ended earlier stays where it was.";
        const lab::Figure curves = by_round("curves", "Accuracy by round", over_splits, "curves", "accuracy", "model");
        const lab::Figure growth =
            by_round("growth", "Labelled samples by class", "Labels and pseudo-labels of both views together, mean over splits.", "classes",
                     "labelled", "class");
        lab::Figure precision =
            by_round("precision", "Precision of the pseudo-labels by class",
                     "Share of right ones among all given so far, all splits together.", "classes", "pseudo_precision", "class");
        precision.band = false;
        const lab::Figure shift =
            by_round("shift", "Drift of the classes by round",
                     "KL divergence of the pseudo-labels' classes from the labels', mean over splits.", "pool", "prior_drift", "");
        const lab::Figure dispute = by_round("disagreement", "What is left of the pool and disputed",
                                             "Share of the pool that the views class differently.", "pool", "disagreement", "");
        lab::Figure reliability =
            by_round("reliability", "How sure, and how right",
                     "Joint predictions on the test in 15 bins of confidence, all splits together, with Wilson's 95 % interval.",
                     "reliability", "accuracy", "scores");
        reliability.x = "confidence";
        lab::Figure confusion =
            figure("confusion", "What is taken for what",
                   "Test samples of each class by the returned joint prediction, all splits together, in per cent of the class.",
                   Mark::grid, "predicted", "per_cent", "truth");
        confusion.y_title = "per cent of the class";
        confusion.table = "confused";
        lab::Figure wrong =
            figure("wrong", "The surest wrong pseudo-labels",
                   "Both views as the learners saw them, the label that was given and learnt, the truth, how sure the model "
                   "was, and what the other view said at that time. Each sample once, surest first.",
                   Mark::pictures, "", "", "");
        wrong.table = "wrong";
        return std::vector{rules, gain, curves, growth, precision, shift, dispute, reliability, confusion, wrong, purity, drift};
    }();
    return made;
}

}  // namespace plumb::families::cotrain
