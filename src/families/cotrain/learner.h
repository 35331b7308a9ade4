// SPDX-License-Identifier: Apache-2.0
// Classic learners on features, one view each. All give log-probabilities up to a constant a row, and the same bits on any number of
// threads, since one fit runs on one thread.
// To add a learner: a class in a file of its own, a line in make_learner() and in learner_names().
#pragma once
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

struct LearnerOptions {
    std::string name = "logistic";  ///< logistic, gaussian_nb, multinomial_nb
    double ridge = 1;               ///< of logistic: weight of half the squared coefficients against the sum of losses
    double smoothing = 1;           ///< of multinomial_nb: added to every count
};

class Learner {
  public:
    virtual ~Learner() = default;
    /// `start` empty: from scratch; else parameters() of an earlier fit, from which logistic regression goes on.
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

}  // namespace plumb::families::cotrain
