// SPDX-License-Identifier: Apache-2.0
// Naive Bayes in two forms, class priors from the weights of the examples. Multinomial: counts, `smoothing` added to each. Gaussian: mean
// and variance of every class and column; 1e-9 of the largest variance of a column is added to all, so that no column is a point.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "families/cotrain/learner.h"

namespace plumb::families::cotrain {

namespace {

/// Difference of the score rows, each less its largest, to `expected(row, class)`, on the scale of the larger of both.
template <class Expected>
double largest_difference(const Matrix& scores, std::int64_t rows, const Expected& expected) {
    double largest = 0;
    for (Eigen::Index row = 0; row < rows; ++row) {
        std::vector<double> slow;
        double scale = 1;
        for (Eigen::Index c = 0; c < scores.cols(); ++c) {
            slow.push_back(expected(row, c));
            scale = std::max(scale, std::abs(slow.back()));
        }
        for (Eigen::Index c = 0; c < scores.cols(); ++c) largest = std::max(largest, std::abs(scores(row, c) - slow[c]) / scale);
    }
    return largest;
}

constexpr std::size_t rows_compared = 50;

/// Log priors of the classes.
Eigen::RowVectorXd log_priors(std::span<const Example> examples, std::int64_t classes) {
    Eigen::RowVectorXd weight = Eigen::RowVectorXd::Zero(classes);
    for (const Example& example : examples) weight(example.label) += example.weight;
    return (weight / weight.sum()).array().log();
}

class Multinomial final : public Learner {
  public:
    explicit Multinomial(double smoothing) : smoothing_(smoothing) {}

    void fit(const Features& view, std::span<const Example> examples, std::int64_t classes, std::span<const double>) override {
        prior_ = log_priors(examples, classes);
        term_ = Matrix::Constant(view.columns, classes, smoothing_);
        for (const Example& example : examples) {
            for (std::size_t at = view.sparse.start[example.sample]; at < view.sparse.start[example.sample + 1]; ++at)
                term_(view.sparse.column[at], example.label) += example.weight * view.sparse.value[at];
        }
        const Eigen::RowVectorXd total = term_.colwise().sum();
        term_ = (term_.array().rowwise() / total.array()).log();
    }

    Matrix scores(const Features& view, std::span<const Sample> rows) const override {
        Matrix made = prior_.replicate(static_cast<Eigen::Index>(rows.size()), 1);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            for (std::size_t at = view.sparse.start[rows[i]]; at < view.sparse.start[rows[i] + 1]; ++at)
                made.row(static_cast<Eigen::Index>(i)) += view.sparse.value[at] * term_.row(view.sparse.column[at]);
        }
        return made;
    }

    Deviation deviation(const Features& view, std::span<const Example> examples, std::span<const Sample> rows) const override {
        rows = rows.first(std::min(rows.size(), rows_compared));
        const Features dense = as_dense(view);
        const auto expected = [&](Eigen::Index row, Eigen::Index c) {
            double own = 0, all = 0, total = 0;
            std::vector<double> count(view.columns, smoothing_);
            for (const Example& example : examples) {
                all += example.weight;
                if (example.label != c) continue;
                own += example.weight;
                for (std::int64_t d = 0; d < view.columns; ++d) count[d] += example.weight * dense.dense(example.sample, d);
            }
            for (const double each : count) total += each;
            double score = std::log(own / all);
            for (std::int64_t d = 0; d < view.columns; ++d) score += dense.dense(rows[row], d) * std::log(count[d] / total);
            return score;
        };
        // Sums of at most some thousand rounded terms.
        return {largest_difference(scores(view, rows), static_cast<std::int64_t>(rows.size()), expected), 1e-10,
                "Bayes' rule by plain loops over a dense copy"};
    }

  private:
    double smoothing_;
    Eigen::RowVectorXd prior_;
    Matrix term_;  ///< columns x classes, log-probabilities
};

class Gaussian final : public Learner {
  public:
    void fit(const Features& view, std::span<const Example> examples, std::int64_t classes, std::span<const double>) override {
        prior_ = log_priors(examples, classes);
        mean_ = Matrix::Zero(classes, view.columns);
        Matrix square = mean_;
        Vector weight = Vector::Zero(classes);
        for (const Example& example : examples) {
            weight(example.label) += example.weight;
            mean_.row(example.label) += example.weight * view.dense.row(example.sample);
        }
        for (Eigen::Index c = 0; c < classes; ++c) mean_.row(c) /= weight(c);
        for (const Example& example : examples)
            square.row(example.label) += example.weight * (view.dense.row(example.sample) - mean_.row(example.label)).cwiseAbs2();
        variance_ = square;
        for (Eigen::Index c = 0; c < classes; ++c) variance_.row(c) /= weight(c);
        variance_.array() += floor_of(view, examples);
    }

    Matrix scores(const Features& view, std::span<const Sample> rows) const override {
        Matrix made(static_cast<Eigen::Index>(rows.size()), mean_.rows());
        const Vector constant = (variance_.array() * (2 * std::numbers::pi)).log().rowwise().sum();
        for (Eigen::Index i = 0; i < made.rows(); ++i) {
            for (Eigen::Index c = 0; c < mean_.rows(); ++c) {
                const double distance = ((view.dense.row(rows[i]) - mean_.row(c)).array().square() / variance_.row(c).array()).sum();
                made(i, c) = prior_(c) - (constant(c) + distance) / 2;
            }
        }
        return made;
    }

    Deviation deviation(const Features& view, std::span<const Example> examples, std::span<const Sample> rows) const override {
        rows = rows.first(std::min(rows.size(), rows_compared));
        const double floor = floor_of(view, examples);
        const auto expected = [&](Eigen::Index row, Eigen::Index c) {
            double own = 0, all = 0;
            for (const Example& example : examples) {
                all += example.weight;
                own += example.label == c ? example.weight : 0;
            }
            double score = std::log(own / all);
            for (std::int64_t d = 0; d < view.columns; ++d) {
                double mean = 0, variance = 0;
                for (const Example& example : examples)
                    mean += example.label == c ? example.weight * view.dense(example.sample, d) / own : 0;
                for (const Example& example : examples) {
                    const double off = view.dense(example.sample, d) - mean;
                    variance += example.label == c ? example.weight * off * off / own : 0;
                }
                variance += floor;
                const double off = view.dense(rows[row], d) - mean;
                score -= (std::log(2 * std::numbers::pi * variance) + off * off / variance) / 2;
            }
            return score;
        };
        // A variance of two near values is a difference of rounded means: it holds half of the digits.
        return {largest_difference(scores(view, rows), static_cast<std::int64_t>(rows.size()), expected), 1e-7,
                "Bayes' rule by plain loops"};
    }

  private:
    static double floor_of(const Features& view, std::span<const Example> examples) {
        Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(view.columns), square = mean;
        for (const Example& example : examples) mean += view.dense.row(example.sample);
        mean /= static_cast<double>(examples.size());
        for (const Example& example : examples) square += (view.dense.row(example.sample) - mean).cwiseAbs2();
        const double largest = square.maxCoeff() / static_cast<double>(examples.size());
        return largest > 0 ? 1e-9 * largest : 1e-9;
    }

    Eigen::RowVectorXd prior_;
    Matrix mean_, variance_;  ///< classes x columns
};

}  // namespace

std::unique_ptr<Learner> make_gaussian() {
    return std::make_unique<Gaussian>();
}
std::unique_ptr<Learner> make_multinomial(double smoothing) {
    return std::make_unique<Multinomial>(smoothing);
}

}  // namespace plumb::families::cotrain
