// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/probability.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumb::families::cotrain {

namespace {

/// Mean negative log-likelihood of smoothed labels.
double loss_at(const Matrix& scores, std::span<const std::int32_t> labels, double temperature) {
    const auto spread = 1 / (static_cast<double>(labels.size()) + 1);
    double loss = 0;
    for (Eigen::Index row = 0; row < scores.rows(); ++row) {
        const Eigen::RowVectorXd z = scores.row(row) / temperature;
        const double top = z.maxCoeff();
        const double total = std::log((z.array() - top).exp().sum()) + top;
        loss += total - (1 - spread) * z(labels[row]) - spread * z.mean();
    }
    return loss / static_cast<double>(scores.rows());
}

}  // namespace

Matrix softmax(const Matrix& scores, double temperature) {
    Matrix made = scores / temperature;
    for (Eigen::Index row = 0; row < made.rows(); ++row) {
        made.row(row) = (made.row(row).array() - made.row(row).maxCoeff()).exp();
        made.row(row) /= made.row(row).sum();
    }
    return made;
}

double fit_temperature(const Matrix& scores, std::span<const std::int32_t> labels) {
    // The loss is convex in 1 / T, so it has one valley in log T too: golden section.
    const double ratio = (std::sqrt(5.0) - 1) / 2;
    double low = std::log(1.0 / 20), high = std::log(1000.0);
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    double at_a = loss_at(scores, labels, std::exp(a)), at_b = loss_at(scores, labels, std::exp(b));
    for (int step = 0; step < 50; ++step) {
        if (at_a <= at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - ratio * (high - low);
            at_a = loss_at(scores, labels, std::exp(a));
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + ratio * (high - low);
            at_b = loss_at(scores, labels, std::exp(b));
        }
    }
    return std::exp((low + high) / 2);
}

Matrix joint_probabilities(const Matrix& scores0, const Matrix& scores1, Joint rule, double weight0) {
    if (rule == Joint::product) return softmax(scores0 + scores1, 1);
    const double share0 = rule == Joint::mean ? 0.5 : weight0;
    return share0 * softmax(scores0, 1) + (1 - share0) * softmax(scores1, 1);
}

Matrix log_odds(const Matrix& scores) {
    Matrix made(scores.rows(), scores.cols());
    for (Eigen::Index row = 0; row < scores.rows(); ++row) {
        for (Eigen::Index c = 0; c < scores.cols(); ++c) {
            double top = -std::numeric_limits<double>::infinity(), sum = 0;
            for (Eigen::Index other = 0; other < scores.cols(); ++other) top = other == c ? top : std::max(top, scores(row, other));
            for (Eigen::Index other = 0; other < scores.cols(); ++other) sum += other == c ? 0 : std::exp(scores(row, other) - top);
            made(row, c) = scores(row, c) - top - std::log(sum);
        }
    }
    return made;
}

std::vector<std::int32_t> most_likely(const Matrix& probabilities) {
    std::vector<std::int32_t> classes;
    for (Eigen::Index row = 0; row < probabilities.rows(); ++row) {
        Eigen::Index best = 0;
        for (Eigen::Index c = 1; c < probabilities.cols(); ++c) {
            if (probabilities(row, c) > probabilities(row, best)) best = c;
        }
        classes.push_back(static_cast<std::int32_t>(best));
    }
    return classes;
}

double accuracy(const std::vector<std::int32_t>& predicted, std::span<const std::int32_t> labels) {
    std::size_t right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) right += predicted[i] == labels[i];
    return static_cast<double>(right) / static_cast<double>(labels.size());
}

double log_loss(const Matrix& probabilities, std::span<const std::int32_t> labels) {
    double loss = 0;
    for (std::size_t i = 0; i < labels.size(); ++i)
        loss -= std::log(std::max(1e-12, probabilities(static_cast<Eigen::Index>(i), labels[i])));
    return loss / static_cast<double>(labels.size());
}

void Reliability::add(const Matrix& probabilities, std::span<const std::int32_t> labels) {
    const std::vector<std::int32_t> predicted = most_likely(probabilities);
    const auto count = static_cast<double>(bins.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const double confidence = probabilities(static_cast<Eigen::Index>(i), predicted[i]);
        Bin& bin = bins[static_cast<std::size_t>(std::min(count - 1, std::floor(confidence * count)))];
        ++bin.count;
        bin.right += predicted[i] == labels[i];
        bin.confidence += confidence;
    }
}

double Reliability::error() const {
    double error = 0;
    std::int64_t all = 0;
    for (const Bin& bin : bins) {
        error += std::abs(static_cast<double>(bin.right) - bin.confidence);
        all += bin.count;
    }
    return all == 0 ? 0 : error / static_cast<double>(all);
}

}  // namespace plumb::families::cotrain
