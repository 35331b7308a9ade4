// SPDX-License-Identifier: Apache-2.0
// Learners of one view each: classic ones on features, networks on images (network_learner.cpp). All give log-probabilities up to a
// constant a row, and the same bits on any number of threads of the family: a fit runs on one thread, or on as many as its options say.
// To add a learner: a class in a file of its own, a line in make_learner() and in learner_names().
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

/// What a model is fitted on.
struct Example {
    Sample sample = 0;
    std::int32_t label = 0;
    double weight = 1;
    bool operator==(const Example&) const = default;
};

/// Of networks.
struct NetworkOptions {
    std::int64_t epochs = 30;
    std::int64_t batch = 64;
    double rate = 0.01;
    std::string optimizer = "momentum";  ///< or "adam"
    std::string precision = "fp32";      ///< or "bf16"
    bool imagenet = false;               ///< inputs less ImageNet's mean, by its deviation
    std::string weights;                 ///< safetensors to begin with; empty: drawn
    std::int64_t threads = 1;            ///< of one fit; its bits depend on them
};

struct LearnerOptions {
    std::string name = "logistic";  ///< of learner_names()
    double ridge = 1;               ///< of logistic: weight of half the squared coefficients against the sum of losses
    double smoothing = 1;           ///< of multinomial_nb: added to every count
    NetworkOptions network = {};
    std::uint64_t seed = 0;                 ///< of what is drawn
    std::filesystem::path keep = {};        ///< where a long fit keeps its state after an epoch, to go on from; empty: nowhere
    std::filesystem::path begin_with = {};  ///< of networks: weights that an earlier fit left, to go on from; empty: as `network` says
    std::filesystem::path leave = {};       ///< of networks: where the weights go after a fit; empty: nowhere
    std::function<bool()> stop = {};        ///< ends a long fit after an epoch with Error{interrupted}, its state kept
};

class Learner {
  public:
    virtual ~Learner() = default;
    /// Examples that validate, for what a fit steers by them: the rate of networks.
    virtual void validate_by(std::span<const Example>) {}
    /// `start` empty: from scratch; else parameters() of an earlier fit, from which logistic regression goes on. Networks go on from a
    /// file.
    virtual void fit(const Features& view, std::span<const Example> examples, std::int64_t classes, std::span<const double> start) = 0;
    /// rows.size() x classes.
    virtual Matrix scores(const Features& view, std::span<const Sample> rows) const = 0;
    /// What a warm start needs; empty where a fit has a closed form.
    virtual std::vector<double> parameters() const { return {}; }
    /// Largest deviation of this fit from what its definition asks for, computed apart from fit() and scores() with plain loops, and the
    /// most that it may be. Logistic regression: gradient of the objective; naive Bayes: log-probabilities of some rows.
    struct Deviation {
        double measured = 0;
        double bound = 0;
        std::string reference;
    };
    virtual Deviation deviation(const Features& view, std::span<const Example> examples, std::span<const Sample> rows) const = 0;
};

std::vector<std::string> learner_names();
std::unique_ptr<Learner> make_learner(const LearnerOptions& options);
/// The form of a view that the learner reads. Throws unsupported for negative values where it counts.
Features prepared_for(const std::string& learner, Features features);

std::unique_ptr<Learner> make_logistic(double ridge);
std::unique_ptr<Learner> make_gaussian();
std::unique_ptr<Learner> make_multinomial(double smoothing);
std::unique_ptr<Learner> make_network(const LearnerOptions& options);
bool is_network(const std::string& learner);

}  // namespace plumb::families::cotrain
