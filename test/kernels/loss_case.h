// SPDX-License-Identifier: Apache-2.0
// Problems of the fused loss, its result, and the same one step after the other: in fp64 the reference, in fp32 the yardstick of the
// accuracy rule. The two differ in rounding and in nothing else.
//
// Legend: R rows, V vocabulary, E features.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/random.h"
#include "kernels/loss/linear_cross_entropy.h"

namespace plumb::test {

struct LossShape {
    std::int64_t rows, vocabulary, features;
};
inline std::string text(const LossShape& s) {
    return "R" + std::to_string(s.rows) + " V" + std::to_string(s.vocabulary) + " E" + std::to_string(s.features);
}

struct LossResult {
    double loss = 0;
    std::vector<double> nll_R;
    base::Numbers dhidden_RE;
    std::vector<float> dweight_VE;
};

/// What a problem is made of; tests change the arrays before they run it. Every fifth row has weight 0.
struct LossCase {
    LossCase(const LossShape& s, std::uint64_t seed, float hidden_scale = 1, float weight_scale = 0.3F)
        : shape(s), hidden_RE(s.rows * s.features), weight_VE(s.vocabulary * s.features) {
        base::RandomStream(seed, "loss.hidden").fill_normal(hidden_RE, 0, hidden_scale);
        base::RandomStream(seed, "loss.weight").fill_normal(weight_VE, 0, weight_scale);
        const base::RandomStream random(seed, "loss.rows");
        for (std::int64_t r = 0; r < s.rows; ++r) {
            target_R.push_back(static_cast<std::int64_t>(random.below(2 * r, s.vocabulary)));
            row_weight_R.push_back(r % 5 == 4 ? 0.0F : static_cast<float>(random.uniform(2 * r + 1, 0.5, 1.5)));
        }
    }

    void round_to(base::Dtype type) {
        dtype = type;
        for (float& number : hidden_RE) number = base::round_to(type, number);
        for (float& number : weight_VE) number = base::round_to(type, number);
    }

    LossResult run(bool with_dweight, int threads = 1) const {
        const base::Numbers hidden(dtype, hidden_RE);
        const base::Numbers weight(dtype, weight_VE);
        const kernels::loss::PackedWeight packed({weight.data(), shape.vocabulary, shape.features, shape.features, dtype}, threads,
                                                 precision);
        LossResult result;
        result.nll_R.resize(shape.rows);
        result.dhidden_RE = base::Numbers(dtype, shape.rows * shape.features);
        if (with_dweight) result.dweight_VE.resize(shape.vocabulary * shape.features);
        result.loss = linear_cross_entropy(problem(hidden, packed, threads), result.nll_R,
                                           {result.dhidden_RE.data(), shape.features, with_dweight ? result.dweight_VE.data() : nullptr});
        return result;
    }
    /// Loss and nll alone.
    LossResult evaluate(int threads = 1) const {
        const base::Numbers hidden(dtype, hidden_RE);
        const base::Numbers weight(dtype, weight_VE);
        const kernels::loss::PackedWeight packed({weight.data(), shape.vocabulary, shape.features, shape.features, dtype}, threads,
                                                 precision);
        LossResult result;
        result.nll_R.resize(shape.rows);
        result.loss = linear_cross_entropy(problem(hidden, packed, threads), result.nll_R);
        return result;
    }
    kernels::loss::Problem problem(const base::Numbers& hidden, const kernels::loss::PackedWeight& packed, int threads = 1) const {
        return {.hidden_RE = hidden.data(),
                .rows = shape.rows,
                .row_stride = shape.features,
                .dtype = dtype,
                .weight = &packed,
                .target_R = target_R.data(),
                .weight_R = row_weight_R.data(),
                .threads = threads};
    }

    LossShape shape;
    base::Dtype dtype = base::Dtype::fp32;
    kernels::loss::Precision precision = kernels::loss::Precision::highest;
    std::vector<float> hidden_RE, weight_VE, row_weight_R;
    std::vector<std::int64_t> target_R;
};

/// Logits reach 60 and more above those of the first block, in steps that move the references of a row several times. One feature is a
/// bias that grows along the vocabulary.
inline void let_logits_grow(LossCase& c, float by) {
    for (std::int64_t r = 0; r < c.shape.rows; ++r) c.hidden_RE[r * c.shape.features] = 1;
    for (std::int64_t v = 0; v < c.shape.vocabulary; ++v)
        c.weight_VE[v * c.shape.features] = by * static_cast<float>(v) / static_cast<float>(c.shape.vocabulary);
}

/// Hidden numbers along the target's weight: a logit of 40 and more for the target.
inline void point_at_targets(LossCase& c) {
    for (std::int64_t r = 0; r < c.shape.rows; ++r) {
        const float* weight = c.weight_VE.data() + c.target_R[r] * c.shape.features;
        double square = 0;
        for (std::int64_t e = 0; e < c.shape.features; ++e) square += static_cast<double>(weight[e]) * weight[e];
        for (std::int64_t e = 0; e < c.shape.features; ++e)
            c.hidden_RE[r * c.shape.features + e] = static_cast<float>(static_cast<double>(12 + r % 30) * weight[e] / square);
    }
}

template <typename Real>
struct StepwiseLoss {
    std::vector<Real> nll_R, dhidden_RE, dweight_VE;
};

/// Logits, softmax, products, in Real throughout. `feature_order`: in which a logit sums.
template <typename Real>
StepwiseLoss<Real> stepwise(const LossCase& c, const std::vector<std::int64_t>& feature_order) {
    const auto [rows, vocabulary, features] = c.shape;
    StepwiseLoss<Real> result{std::vector<Real>(rows), std::vector<Real>(rows * features), std::vector<Real>(vocabulary * features)};
    std::vector<Real> p_V(vocabulary);
    for (std::int64_t r = 0; r < rows; ++r) {
        if (c.row_weight_R[r] == 0) continue;
        const float* hidden = c.hidden_RE.data() + r * features;
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            Real logit = 0;
            for (const std::int64_t e : feature_order)
                logit += static_cast<Real>(hidden[e]) * static_cast<Real>(c.weight_VE[v * features + e]);
            p_V[v] = logit;
        }
        const Real target_logit = p_V[c.target_R[r]];
        const Real largest = *std::max_element(p_V.begin(), p_V.end());
        Real sum = 0;
        for (Real& p : p_V) sum += p = std::exp(p - largest);
        result.nll_R[r] = std::log(sum) + largest - target_logit;
        const Real row_weight = c.row_weight_R[r];
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            const Real slope = row_weight * (p_V[v] / sum - (v == c.target_R[r] ? Real(1) : Real(0)));
            for (std::int64_t e = 0; e < features; ++e) {
                result.dhidden_RE[r * features + e] += slope * static_cast<Real>(c.weight_VE[v * features + e]);
                result.dweight_VE[v * features + e] += slope * static_cast<Real>(hidden[e]);
            }
        }
    }
    return result;
}

inline std::vector<std::int64_t> given_order(std::int64_t count) {
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    return order;
}

/// A random permutation.
inline std::vector<std::int64_t> shuffled_order(std::int64_t count, std::uint64_t seed) {
    std::vector<std::int64_t> order = given_order(count);
    const base::RandomStream random(seed, "loss.order");
    for (std::int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[static_cast<std::int64_t>(random.below(i, i + 1))]);
    return order;
}

/// Largest |got - exact|; NaN when any is.
template <typename Got>
double largest_error(const std::vector<Got>& got, const std::vector<double>& exact) {
    double largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double error = std::abs(static_cast<double>(got[i]) - exact[i]);
        if (!(error <= largest)) largest = error;
    }
    return largest;
}

inline double largest_magnitude(const std::vector<double>& numbers) {
    double largest = 0;
    for (const double number : numbers) largest = std::max(largest, std::abs(number));
    return largest;
}

struct LossErrors {
    double nll = 0, dhidden = 0, dweight = 0;
};

/// The first-order effect of rounding every logit once, relative to the sum of its |H W| terms, and every probability once: what no fp32
/// form avoids, and the yardstick may avoid by luck where few numbers are computed. In fp64; u = 2^-24:
///   nll[r]    u (sum_v |p - onehot| a_v + nll),                       a_v = sum_e |H W|
///   dH[r, e]  u w (sum_v p |W_v - mean| a_v + sum_v |p - onehot| |W_v|),   mean = sum_v p W_v
///   dW[v, e]  u sum_r w |H| (p (a_v + sum_v p a_v) + |p - onehot|)
LossErrors single_rounding(const LossCase& c);

/// Errors of the yardstick: the largest over `orders` orders of the features and one rounding of everything.
LossErrors yardstick_errors(const LossCase& c, const StepwiseLoss<double>& exact, int orders, std::uint64_t seed);

}  // namespace plumb::test
