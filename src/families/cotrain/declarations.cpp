// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/declarations.h"

#include "families/cotrain/image_views.h"
#include "families/cotrain/learner.h"
#include "families/cotrain/selection.h"
#include "lab/declare.h"

namespace plumb::families::cotrain {

using namespace lab::declare;

std::vector<std::string> exchange_names() {
    return {"swap", "shared", "agree", "weighted"};
}
std::vector<std::string> training_names() {
    return {"scratch", "warm", "rechoose"};
}
std::vector<std::string> joint_names() {
    return {"product", "mean", "weighted"};
}

const lab::Schema& schema() {
    static const lab::Schema made({
        text("view0",
             "first view: a file of a data set, a path to .csv (label last) or .txt (label term:count ...), or images: a folder or an "
             "archive with a "
             "folder for every class",
             "twodigits/view0"),
        text("view1", "second view, row by row the same samples", "twodigits/view1"),
        text("pairs", "images: a .csv with columns view0, view1 (paths from its folder on) and label, instead of the two above"),
        choice("halves", "images: which half of each view's image is the view", "none", halves_names()),
        choice("broken", "images that cannot be read end the run, or their samples are left out", "stop", {"stop", "skip"}),
        count("components", "principal components that stand for the features; 0: the features as they are; -1: 40 of images, 0 of others",
              -1, -1, 1 << 20),
        text("class_map", "labels renamed before anything else, old=new with colons between: cardboard=box:glass=clear"),
        text("classes", "labels that take part, with colons between: 0:1", "all"),
        text("groups",
             "file with a group a line (camera, day, writer); no group stands on both sides of a split. near: images that look alike are a "
             "group",
             ""),
        choice("scale", "features as they are, present or not, or standardised on labels and pool; auto: what the learner wants", "auto",
               {"auto", "none", "presence", "standard"}),
        choice("split", "stratified and seeded, or the notebook's 75 / 20 / 12.5 % by Python's random.sample of the same seed",
               "stratified", {"stratified", "seed"}),
        count("splits", "random splits, a co-training each; intervals are over them", 10, 1, 100000),
        text("labels", "labelled samples a class: one number, or one for each class in order: 9:3", "5"),
        count("validation", "samples a class that validate: temperature, gate, best round and guard need them", 5, 0, 1 << 20),
        real("test", "samples that test: a share below 1, else their number", 0.2, 0, 1e9),
        choice("learner", "model of both views", "logistic", learner_names()),
        real("ridge", "logistic: penalty of half the squared coefficients against the sum of losses", 1, 1e-9, 1e9),
        real("smoothing", "multinomial_nb: added to every count", 1, 1e-9, 1e9),
        choice("selection", "which samples a view labels: most confident of all, of each class, above floor, or of a small pool", "quota",
               selection_names()),
        real("take", "topk and quota: share of the first pool that a view labels in a round", 0.05, 0, 1),
        text("picks", "pool: samples of a class that a view labels in a round, one number or one for each class: 3:1", "1"),
        count("pool", "pool: size of the small pool", 75, 1, 1 << 30),
        real("floor", "least probability of a pseudo-label", 0, 0, 1),
        choice("exchange", "who learns a pick: the other view, both, the other where both agree, both by weighted vote", "swap",
               exchange_names()),
        choice("training", "fit anew, go on from the last fit, or choose all pseudo-labels anew each round", "scratch", training_names()),
        count("rounds", "rounds of selection; a refit follows the last", 10, 0, 100000),
        real("pseudo_weight", "weight of a pseudo-label against a label", 1, 1e-9, 1e9),
        choice("rule", "notebook: its top-k of raw outputs and its conflict removal as written, known defects", "repaired",
               {"repaired", "notebook"}),
        flag("calibrate", "divide scores by a temperature from validation", true),
        real("gate", "least lead of every view's validated accuracy over the majority class before anything is selected; 0: none", 0.05, 0,
             1),
        count("patience", "rounds without a lower validation loss that end the split; 0: no end", 0, 0, 100000),
        choice("joint", "joint prediction of both views", "product", joint_names()),
        flag("restore", "return the round with the lowest validation loss, not the last", true),
        flag("guard", "return the labels-only models where their validation loss is lower", true),
        count("threads", "threads, a split each; 0: all cores. Results are the same for any number", 0, 0, 1024),
    });
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = {
        metric("accuracy", "joint prediction of the returned models on the test, mean over splits", "share", Better::higher, true),
        metric("labels_only_accuracy", "the same of models that saw the labels alone", "share", Better::higher, true),
        metric("gain", "accuracy less labels_only_accuracy, split by split", "share", Better::higher, true),
        metric("worst_gain", "the least of the splits", "share", Better::higher, false),
        metric("harmed", "splits that end below labels only", "", Better::lower, true),
        metric("error", "1 - accuracy", "share", Better::lower, false),
        metric("labels_only_error", "1 - labels_only_accuracy", "share", Better::lower, false),
        metric("lowest_accuracy", "of the splits", "share", Better::higher, false),
        metric("view0_accuracy", "first view alone, returned round", "share", Better::higher, false),
        metric("view1_accuracy", "second view alone, returned round", "share", Better::higher, false),
        metric("labels_only_view0_accuracy", "first view alone, labels alone", "share", Better::higher, false),
        metric("labels_only_view1_accuracy", "second view alone, labels alone", "share", Better::higher, false),
        metric("last_accuracy", "joint accuracy after the last round, before restore and guard", "share", Better::higher, false),
        metric("guarded", "splits in which the labels-only models validated better and were returned", "", Better::neither, true),
        metric("pseudo_labels", "given to both views by the last round, mean over splits", "", Better::neither, false),
        metric("pseudo_precision", "right ones among them, where the truth is known", "share", Better::higher, true),
        metric("worst_class_precision", "right ones among those of the class where it is lowest, all splits together", "share",
               Better::higher, false),
        metric("prior_drift", "KL of the pseudo-labels' classes from the labels'", "nats", Better::lower, false),
        metric("collisions", "picks of both views with different labels, over all rounds, mean over splits", "", Better::neither, false),
        metric("lost", "undisputed picks that the notebook's conflict removal dropped, mean over splits", "", Better::lower, false),
        metric("ece_before", "expected calibration error of the returned joint prediction without temperature", "share", Better::lower,
               false),
        metric("ece", "the same with the temperature", "share", Better::lower, false),
        metric("disagreement_before", "share of the first pool that the views class differently", "share", Better::neither, false),
        metric("disagreement", "the same of what is left of the pool", "share", Better::neither, false),
        metric("pool_left", "samples that nobody labelled, mean over splits", "", Better::neither, false),
        metric("rounds_done", "mean over splits", "", Better::neither, false),
        metric("left_out", "samples of which an image cannot be read (broken=skip)", "", Better::lower, false),
    };
    return made;
}

}  // namespace plumb::families::cotrain
