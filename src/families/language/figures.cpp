// SPDX-License-Identifier: Apache-2.0
// The notebook's six panels of a run are its facet in four of these: loss and perplexity of train and validation, by epoch and by time.
#include <string>

#include "families/language/declarations.h"

namespace plumb::families::language {

namespace {

lab::Figure bars(const std::string& name, const std::string& title, const std::string& x, const std::string& y, const std::string& y_title,
                 const std::string& colour) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.mark = lab::Mark::bars;
    figure.x = x;
    figure.x_title = x;
    figure.y = y;
    figure.y_title = y_title;
    figure.colour = colour;
    return figure;
}

/// `y` against the order of n-gram models.
lab::Figure against_order(const std::string& name, const std::string& title, const std::string& y, const std::string& y_title) {
    lab::Figure figure = bars(name, title, "order", y, y_title, "train");
    figure.caption = "Interpolated Kneser-Ney, one discount an order; exp of the mean of -ln p over all predicted ids.";
    figure.where = {{"model", std::string("ngram")}};
    return figure;
}

/// A column of evaluations that figures are drawn against.
struct Against {
    const char* suffix;  ///< of the figure's name
    const char* words;   ///< in its title
    const char* column;
    const char* title;
};
constexpr Against by_epoch{"epochs", "by epoch", "epoch", "epochs of training"};
constexpr Against by_step{"steps", "by step", "step", "steps of training"};
constexpr Against by_time{"wall-clock", "by time of training", "seconds", "seconds of training"};

lab::Figure curve(const std::string& name, const std::string& what, const Against& x) {
    lab::Figure figure;
    figure.name = name + x.suffix;
    figure.title = what + " " + x.words;
    figure.x = x.column;
    figure.x_title = x.title;
    return figure;
}

/// What evaluations gave, the floors drawn in; a facet a run.
lab::Figure learning_curve(const Against& x) {
    lab::Figure figure = curve("", "Perplexity", x);
    figure.caption =
        "Train: mean over the steps since the evaluation before. Floors: what counting ids and five-grams of train reaches on validation.";
    figure.table = "curves";
    figure.y = "perplexity";
    figure.y_title = "perplexity";
    figure.y_scale = lab::Scale::log10;
    figure.colour = "series";
    figure.facet_row = "exp_id";
    return figure;
}

/// The same in nats an id, which is what training makes small.
lab::Figure loss_curve(const Against& x) {
    lab::Figure figure = learning_curve(x);
    figure.name = std::string("loss-") + x.suffix;
    figure.title = std::string("Loss ") + x.words;
    figure.y = "nats";
    figure.y_title = "nats an id";
    figure.y_scale = lab::Scale::linear;
    return figure;
}

/// All runs in one picture.
lab::Figure all_runs(const Against& x) {
    lab::Figure figure = curve("all-", "Validation perplexity of all runs", x);
    figure.caption = "A line a run, named by its exp_id and what else tells it apart.";
    figure.table = "evaluations";
    figure.y = "validation_perplexity";
    figure.y_title = "validation perplexity";
    figure.y_scale = lab::Scale::log10;
    figure.colour = "exp_id";
    figure.facet_column = "model";
    figure.reference = "validation_floor";
    figure.reference_title = "five-grams";
    return figure;
}

/// `y` of trained models, by architecture and optimizer.
lab::Figure against(const std::string& name, const std::string& title, const std::string& y, const std::string& y_title) {
    lab::Figure figure = bars(name, title, "optimizer", y, y_title, "model");
    figure.caption = "The model whose validation was best over all evaluations of its run.";
    figure.facet_column = "layers";
    return figure;
}

lab::Figure ranking() {
    lab::Figure figure = against("ranking", "Best validation perplexity", "validation_perplexity", "validation perplexity");
    figure.y_scale = lab::Scale::log10;
    figure.reference = "validation_floor";
    figure.reference_title = "five-grams";
    figure.best_of = "model";
    figure.caption += " In the table the best of each architecture is bold.";
    return figure;
}

/// Means over the architectures of one layer, which every optimizer trained.
lab::Figure average(const std::string& name, const std::string& title, const std::string& y, const std::string& y_title) {
    lab::Figure figure = against(name, title, y, y_title);
    figure.caption = "Mean over the models of one layer; the rule reaches from the best of them to the worst.";
    figure.mean = true;
    figure.colour.clear();
    figure.facet_column.clear();
    figure.where = {{"layers", std::int64_t{1}}};
    return figure;
}

lab::Figure overfitting() {
    lab::Figure figure;
    figure.name = "overfitting";
    figure.title = "Overfitting against capacity";
    figure.caption =
        "How much less a model knows of validation than of what it was trained on, at the last evaluation: a loss over new text less the "
        "mean loss over the steps since the evaluation before. Below 0: it still learns faster than it is measured.";
    figure.mark = lab::Mark::points;
    figure.x = "learnable";
    figure.x_title = "numbers that are trained";
    figure.x_scale = lab::Scale::log10;
    figure.y = "overfitting";
    figure.y_title = "validation less train, nats an id";
    figure.colour = "model";
    return figure;
}

}  // namespace

const std::vector<lab::Figure>& figures() {
    static const std::vector<lab::Figure> made = {
        against_order("ngram-validation", "Validation perplexity against the order of n-grams", "validation_perplexity",
                      "validation perplexity"),
        against_order("ngram-test", "Test perplexity against the order of n-grams", "test_perplexity", "test perplexity"),
        learning_curve(by_epoch),
        learning_curve(by_step),
        learning_curve(by_time),
        loss_curve(by_epoch),
        loss_curve(by_step),
        loss_curve(by_time),
        all_runs(by_epoch),
        all_runs(by_step),
        all_runs(by_time),
        ranking(),
        against("time", "Time of training", "train_time", "all steps"),
        average("optimizers", "Validation perplexity by optimizer, on average", "validation_perplexity", "validation perplexity"),
        average("optimizer-times", "Time of training by optimizer, on average", "train_time", "all steps"),
        overfitting(),
        against("memory", "Memory of a training step", "train_memory", "beyond corpora, model and moments"),
    };
    return made;
}

}  // namespace plumb::families::language
