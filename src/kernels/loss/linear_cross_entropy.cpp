// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace plumb::kernels::loss {
namespace {

using base::Error;
using base::ErrorKind;

float weight_of(const Problem& problem, std::int64_t row) {
    return problem.weight_R == nullptr ? 1.0F : problem.weight_R[row];
}

void require_fits(const Problem& problem, std::span<double> nll_R) {
    if (problem.weight == nullptr) throw Error(ErrorKind::usage, "fused loss: no weight", "pack the output layer's weight first");
    const std::int64_t vocabulary = problem.weight->vocabulary();
    if (problem.threads < 1) throw Error(ErrorKind::usage, "fused loss: threads is " + std::to_string(problem.threads), "give at least 1");
    if (!nll_R.empty() && static_cast<std::int64_t>(nll_R.size()) != problem.rows) {
        throw Error(ErrorKind::usage,
                    "fused loss: " + std::to_string(nll_R.size()) + " places for the losses of " + std::to_string(problem.rows) + " rows",
                    "give one a row, or none");
    }
    for (std::int64_t r = 0; r < problem.rows; ++r) {
        const std::int64_t target = problem.target_R[r];
        if (weight_of(problem, r) == 0 || (target >= 0 && target < vocabulary)) continue;
        throw Error(ErrorKind::usage,
                    "fused loss: target " + std::to_string(target) + " of row " + std::to_string(r) + " is outside a vocabulary of " +
                        std::to_string(vocabulary),
                    "targets are 0 to " + std::to_string(vocabulary - 1) + "; give rows of padding the weight 0");
    }
}

double compute(const Problem& problem, std::span<double> nll_R, const Gradients* gradients) {
    require_fits(problem, nll_R);
    const std::int64_t vocabulary = problem.weight->vocabulary();
    const std::int64_t features = problem.weight->features();
    const float* weight_VE = problem.weight->data();
    std::vector<double> p_V(vocabulary);
    std::vector<double> dhidden_E(features);
    double loss = 0;
    for (std::int64_t r = 0; r < problem.rows; ++r) {
        const float row_weight = weight_of(problem, r);
        const void* hidden_E = base::advance(problem.dtype, problem.hidden_RE, r * problem.row_stride);
        std::fill(dhidden_E.begin(), dhidden_E.end(), 0.0);
        double nll = 0;
        if (row_weight != 0) {
            for (std::int64_t v = 0; v < vocabulary; ++v) {
                p_V[v] = 0;
                for (std::int64_t e = 0; e < features; ++e)
                    p_V[v] += static_cast<double>(base::load(problem.dtype, hidden_E, e)) * weight_VE[v * features + e];
            }
            const double target_logit = p_V[problem.target_R[r]];
            const double largest = *std::max_element(p_V.begin(), p_V.end());
            double sum = 0;
            for (double& p : p_V) sum += p = std::exp(p - largest);
            nll = std::log(sum) + largest - target_logit;
            for (double& p : p_V) p /= sum;
            p_V[problem.target_R[r]] -= 1;
        }
        loss += row_weight * nll;
        if (!nll_R.empty()) nll_R[r] = nll;
        if (gradients == nullptr) continue;
        if (row_weight != 0) {
            for (std::int64_t v = 0; v < vocabulary; ++v) {
                const double slope = row_weight * p_V[v];
                for (std::int64_t e = 0; e < features; ++e) {
                    dhidden_E[e] += slope * weight_VE[v * features + e];
                    if (gradients->weight_VE != nullptr)
                        gradients->weight_VE[v * features + e] += static_cast<float>(slope * base::load(problem.dtype, hidden_E, e));
                }
            }
        }
        void* out = base::advance(problem.dtype, gradients->hidden_RE, r * gradients->row_stride);
        for (std::int64_t e = 0; e < features; ++e) base::store(problem.dtype, out, e, static_cast<float>(dhidden_E[e]));
    }
    return loss;
}

}  // namespace

double linear_cross_entropy(const Problem& problem, std::span<double> nll_R) {
    return compute(problem, nll_R, nullptr);
}

double linear_cross_entropy(const Problem& problem, std::span<double> nll_R, const Gradients& gradients) {
    return compute(problem, nll_R, &gradients);
}

double operations(const PackedWeight& weight, std::int64_t rows, int products) {
    return 2.0 * static_cast<double>(weight.vocabulary()) * static_cast<double>(weight.features()) * static_cast<double>(rows) * products;
}

}  // namespace plumb::kernels::loss
