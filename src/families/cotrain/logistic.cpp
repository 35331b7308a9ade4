// SPDX-License-Identifier: Apache-2.0
// Multinomial logistic regression: minimises sum_i w_i (log sum_c exp z_ic - z_i,label(i)) + ridge / 2 |W|^2, z = X W + b, b without
// penalty, by L-BFGS (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.4) with backtracking. Parameters: W row by row, then
// b.
#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.h"
#include "families/cotrain/learner.h"

namespace plumb::families::cotrain {

namespace {

constexpr std::size_t memory = 10;
constexpr int most_steps = 5000;
/// Of the largest component of the gradient, a unit of weight: probabilities then differ from the optimum's by about as much.
constexpr double tolerance = 1e-6;

class Logistic final : public Learner {
  public:
    explicit Logistic(double ridge) : ridge_(ridge) {}

    void fit(const Features& view, std::span<const Example> examples, std::int64_t classes, std::span<const double> start) override {
        classes_ = classes;
        columns_ = view.columns;
        Problem problem(view, examples, classes, ridge_);
        theta_ = Vector::Zero((columns_ + 1) * classes_);
        if (static_cast<Eigen::Index>(start.size()) == theta_.size()) theta_ = Eigen::Map<const Vector>(start.data(), theta_.size());
        minimise(problem);
    }

    Matrix scores(const Features& view, std::span<const Sample> rows) const override {
        Matrix chosen(static_cast<Eigen::Index>(rows.size()), columns_);
        for (std::size_t i = 0; i < rows.size(); ++i) chosen.row(static_cast<Eigen::Index>(i)) = view.dense.row(rows[i]);
        const Eigen::Map<const Matrix> weights(theta_.data(), columns_, classes_);
        Matrix made = chosen * weights;
        made.rowwise() += theta_.tail(classes_).transpose();
        return made;
    }

    std::vector<double> parameters() const override { return {theta_.data(), theta_.data() + theta_.size()}; }

    Deviation deviation(const Features& view, std::span<const Example> examples, std::span<const Sample>) const override {
        std::vector<double> gradient(static_cast<std::size_t>(theta_.size()));
        double weight = 0;
        for (std::int64_t i = 0; i < columns_ * classes_; ++i) gradient[i] = ridge_ * theta_[i];
        for (const Example& example : examples) {
            std::vector<double> z(classes_);
            for (std::int64_t c = 0; c < classes_; ++c) {
                z[c] = theta_[columns_ * classes_ + c];
                for (std::int64_t d = 0; d < columns_; ++d) z[c] += view.dense(example.sample, d) * theta_[d * classes_ + c];
            }
            const double top = *std::ranges::max_element(z);
            double sum = 0;
            for (const double each : z) sum += std::exp(each - top);
            for (std::int64_t c = 0; c < classes_; ++c) {
                const double pull = example.weight * (std::exp(z[c] - top) / sum - (c == example.label));
                for (std::int64_t d = 0; d < columns_; ++d) gradient[d * classes_ + c] += pull * view.dense(example.sample, d);
                gradient[columns_ * classes_ + c] += pull;
            }
            weight += example.weight;
        }
        double largest = 0;
        for (const double each : gradient) largest = std::max(largest, std::abs(each));
        // Twice what the solver stops at: both sums round differently.
        return {largest / weight, 2 * tolerance, "gradient of the objective by plain loops"};
    }

  private:
    class Problem {
      public:
        Problem(const Features& view, std::span<const Example> examples, std::int64_t classes, double ridge)
            : classes_(classes), ridge_(ridge), x_(static_cast<Eigen::Index>(examples.size()), view.columns), weight_(x_.rows()) {
            for (Eigen::Index i = 0; i < x_.rows(); ++i) {
                x_.row(i) = view.dense.row(examples[i].sample);
                weight_(i) = examples[i].weight;
                label_.push_back(examples[i].label);
            }
        }
        double total_weight() const { return weight_.sum(); }
        double evaluate(const Vector& theta, Vector& gradient) const {
            const Eigen::Index columns = x_.cols();
            const Eigen::Map<const Matrix> weights(theta.data(), columns, classes_);
            Matrix z = x_ * weights;
            z.rowwise() += theta.tail(classes_).transpose();
            double loss = 0;
            for (Eigen::Index i = 0; i < z.rows(); ++i) {
                const double top = z.row(i).maxCoeff(), own = z(i, label_[i]);
                z.row(i) = (z.row(i).array() - top).exp();
                const double sum = z.row(i).sum();
                loss += weight_(i) * (std::log(sum) + top - own);
                z.row(i) *= weight_(i) / sum;
                z(i, label_[i]) -= weight_(i);
            }
            gradient.resize(theta.size());
            Eigen::Map<Matrix> slope(gradient.data(), columns, classes_);
            slope.noalias() = x_.transpose() * z;
            slope += ridge_ * weights;
            gradient.tail(classes_) = z.colwise().sum();
            return loss + ridge_ / 2 * weights.squaredNorm();
        }

      private:
        std::int64_t classes_;
        double ridge_;
        Matrix x_;
        Vector weight_;
        std::vector<std::int32_t> label_;
    };

    struct Pair {
        Vector step, change;
        double curvature = 0;
    };

    static Vector direction(const Vector& gradient, const std::deque<Pair>& pairs) {
        Vector q = -gradient;
        std::vector<double> alpha(pairs.size());
        for (std::size_t i = pairs.size(); i-- > 0;) {
            alpha[i] = pairs[i].step.dot(q) / pairs[i].curvature;
            q -= alpha[i] * pairs[i].change;
        }
        if (!pairs.empty()) q *= pairs.back().curvature / pairs.back().change.squaredNorm();
        for (std::size_t i = 0; i < pairs.size(); ++i) q += (alpha[i] - pairs[i].change.dot(q) / pairs[i].curvature) * pairs[i].step;
        return q;
    }

    void minimise(const Problem& problem) {
        const double bound = tolerance * problem.total_weight();
        std::deque<Pair> pairs;
        Vector gradient, next_gradient;
        double value = problem.evaluate(theta_, gradient);
        for (int step = 0; step < most_steps; ++step) {
            if (gradient.cwiseAbs().maxCoeff() <= bound) return;
            Vector along = direction(gradient, pairs);
            double slope = along.dot(gradient);
            if (!(slope < 0)) {
                pairs.clear();
                along = -gradient;
                slope = along.dot(gradient);
            }
            double length = pairs.empty() ? 1 / std::max(1.0, gradient.norm()) : 1;
            Vector next = theta_ + length * along;
            double next_value = problem.evaluate(next, next_gradient);
            // Where the fall is below the rounding of the value, a smaller gradient is the better sign.
            const auto falls = [&] {
                return next_value <= value + 1e-4 * length * slope || (std::abs(next_value - value) <= 1e-12 * std::abs(value) &&
                                                                       std::abs(next_gradient.dot(along)) <= 0.9 * std::abs(slope));
            };
            while (!falls() && length > 1e-20) {
                length /= 2;
                next = theta_ + length * along;
                next_value = problem.evaluate(next, next_gradient);
            }
            if (length <= 1e-20 && pairs.empty()) break;
            if (length <= 1e-20) {
                pairs.clear();
                continue;
            }
            Pair pair{next - theta_, next_gradient - gradient, 0};
            pair.curvature = pair.step.dot(pair.change);
            if (pair.curvature > 1e-14 * pair.change.squaredNorm()) pairs.push_back(std::move(pair));
            if (pairs.size() > memory) pairs.pop_front();
            theta_ = std::move(next);
            gradient = next_gradient;
            value = next_value;
        }
        throw base::Error(base::ErrorKind::failed,
                          "logistic regression did not converge: gradient " + std::to_string(gradient.cwiseAbs().maxCoeff()),
                          "raise ridge, or standardise the features (scale=standard)");
    }

    double ridge_;
    std::int64_t classes_ = 0, columns_ = 0;
    Vector theta_;
};

}  // namespace

std::unique_ptr<Learner> make_logistic(double ridge) {
    return std::make_unique<Logistic>(ridge);
}

}  // namespace plumb::families::cotrain
