// SPDX-License-Identifier: Apache-2.0
// From scores to probabilities: softmax with a temperature, joint prediction of two views, how well both are calibrated.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

/// Row-wise softmax of scores / temperature.
Matrix softmax(const Matrix& scores, double temperature);

/// The temperature at which the labels are most likely, between 1/20 and 1000. As Platt (1999) does, a share 1 / (n + 1) of every label is
/// spread over the classes: without it n right answers would ask for boundless confidence. Guo et al. 2017.
double fit_temperature(const Matrix& scores, std::span<const std::int32_t> labels);

enum class Joint {
    product,  ///< of the probabilities, made to sum to 1
    mean,
    weighted  ///< mean, weighted by validated accuracy
};
/// Of two views' scores, each already divided by its temperature. `weight0` of 1 goes to view 0; only `weighted` reads it.
Matrix joint_probabilities(const Matrix& scores0, const Matrix& scores1, Joint rule, double weight0);

/// log p - log(1 - p) of every class, which orders what rounds to a probability of 1.
Matrix log_odds(const Matrix& scores);

/// Class of the largest entry of each row, the lower class on ties.
std::vector<std::int32_t> most_likely(const Matrix& probabilities);
double accuracy(const std::vector<std::int32_t>& predicted, std::span<const std::int32_t> labels);

/// Mean negative log-likelihood, nats; a probability below 1e-12 counts as that.
double log_loss(const Matrix& probabilities, std::span<const std::int32_t> labels);

/// Predictions by confidence, in 15 bins of equal width.
struct Reliability {
    struct Bin {
        std::int64_t count = 0, right = 0;
        double confidence = 0;  ///< sum
    };
    std::vector<Bin> bins = std::vector<Bin>(15);
    void add(const Matrix& probabilities, std::span<const std::int32_t> labels);
    /// Expected calibration error: mean over predictions of |accuracy - confidence| of their bin.
    double error() const;
};

}  // namespace plumb::families::cotrain
