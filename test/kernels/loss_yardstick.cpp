// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss_case.h"

namespace plumb::test {

LossErrors single_rounding(const LossCase& c) {
    constexpr double u = 0x1p-24;
    const auto [rows, vocabulary, features] = c.shape;
    LossErrors errors;
    std::vector<double> p_V(vocabulary), size_V(vocabulary), dweight_VE(vocabulary * features);
    for (std::int64_t r = 0; r < rows; ++r) {
        if (c.row_weight_R[r] == 0) continue;
        const float* hidden = c.hidden_RE.data() + r * features;
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            p_V[v] = size_V[v] = 0;
            for (std::int64_t e = 0; e < features; ++e) {
                const double term = static_cast<double>(hidden[e]) * c.weight_VE[v * features + e];
                p_V[v] += term;
                size_V[v] += std::abs(term);
            }
        }
        const std::int64_t target = c.target_R[r];
        const double target_logit = p_V[target];
        const double largest = *std::max_element(p_V.begin(), p_V.end());
        double sum = 0;
        for (double& p : p_V) sum += p = std::exp(p - largest);
        const double nll = std::log(sum) + largest - target_logit;
        double mean_size = 0;
        double nll_error = nll;
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            p_V[v] /= sum;
            mean_size += p_V[v] * size_V[v];
            nll_error += std::abs(p_V[v] - (v == target ? 1 : 0)) * size_V[v];
        }
        errors.nll = std::max(errors.nll, u * nll_error);
        const double row_weight = c.row_weight_R[r];
        for (std::int64_t e = 0; e < features; ++e) {
            double mean = 0;
            for (std::int64_t v = 0; v < vocabulary; ++v) mean += p_V[v] * c.weight_VE[v * features + e];
            double error = 0;
            for (std::int64_t v = 0; v < vocabulary; ++v) {
                const double slope = std::abs(p_V[v] - (v == target ? 1 : 0));
                const double weight = c.weight_VE[v * features + e];
                error += p_V[v] * std::abs(weight - mean) * size_V[v] + slope * std::abs(weight);
                dweight_VE[v * features + e] +=
                    u * row_weight * std::abs(static_cast<double>(hidden[e])) * (p_V[v] * (size_V[v] + mean_size) + slope);
            }
            errors.dhidden = std::max(errors.dhidden, u * row_weight * error);
        }
    }
    errors.dweight = largest_magnitude(dweight_VE);
    return errors;
}

LossErrors yardstick_errors(const LossCase& c, const StepwiseLoss<double>& exact, int orders, std::uint64_t seed) {
    LossErrors errors;
    for (int i = 0; i < orders; ++i) {
        const StepwiseLoss<float> plain =
            stepwise<float>(c, i == 0 ? given_order(c.shape.features) : shuffled_order(c.shape.features, seed + i));
        errors.nll = std::max(errors.nll, largest_error(plain.nll_R, exact.nll_R));
        errors.dhidden = std::max(errors.dhidden, largest_error(plain.dhidden_RE, exact.dhidden_RE));
        errors.dweight = std::max(errors.dweight, largest_error(plain.dweight_VE, exact.dweight_VE));
    }
    return errors;
}

}  // namespace plumb::test
