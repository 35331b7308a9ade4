// SPDX-License-Identifier: Apache-2.0
// Attention one step after the other in one number type: all scores of a query, softmax, weighted sum of the values. reference() is this in
// fp64, plain() in fp32, so that the two differ in rounding and in nothing else. The inner loops run along keys or value columns: a
// compiler may use vectors without reordering any sum.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"

namespace plumb::kernels::attention {

/// Keys and values of one key head, widened to Real, and the scores of one query: the memory of one thread.
template <typename Real>
struct Head {
    explicit Head(const Shape& s)
        : k_DM(s.head_dim * s.keys), v_ME(s.keys * s.value_dim), q_D(s.head_dim), score_M(s.keys), hidden_M(s.keys) {}

    std::vector<Real> k_DM;
    std::vector<Real> v_ME;
    std::vector<Real> q_D;
    std::vector<Real> score_M;
    std::vector<std::uint8_t> hidden_M;
};

template <typename Real>
void load_head(const Problem& problem, std::int64_t b, std::int64_t g, Head<Real>& head) {
    const Shape& s = problem.shape;
    const std::int64_t k = b * problem.k_strides.batch + g * problem.k_strides.head;
    const std::int64_t v = b * problem.v_strides.batch + g * problem.v_strides.head;
    for (std::int64_t m = 0; m < s.keys; ++m) {
        for (std::int64_t d = 0; d < s.head_dim; ++d) {
            head.k_DM[d * s.keys + m] = base::load(problem.dtype, problem.k, k + m * problem.k_strides.row + d * problem.k_strides.column);
        }
        for (std::int64_t e = 0; e < s.value_dim; ++e) {
            head.v_ME[m * s.value_dim + e] =
                base::load(problem.dtype, problem.v, v + m * problem.v_strides.row + e * problem.v_strides.column);
        }
    }
}

template <typename Real>
void load_query(const Problem& problem, std::int64_t b, std::int64_t h, std::int64_t n, std::span<Real> q_D) {
    const std::int64_t first = b * problem.q_strides.batch + h * problem.q_strides.head + n * problem.q_strides.row;
    for (std::int64_t d = 0; d < std::ssize(q_D); ++d) q_D[d] = base::load(problem.dtype, problem.q, first + d * problem.q_strides.column);
}

/// Scores of one query against every key: sum over d in order, then scaled.
template <typename Real>
void score_keys(std::span<const Real> q_D, const Head<Real>& head, Real scale, std::span<Real> score_M) {
    const std::int64_t keys = std::ssize(score_M);
    for (Real& score : score_M) score = 0;
    for (std::int64_t d = 0; d < std::ssize(q_D); ++d) {
        const Real factor = q_D[d];
        const Real* k_M = head.k_DM.data() + d * keys;
        for (std::int64_t m = 0; m < keys; ++m) score_M[m] += factor * k_M[m];
    }
    for (Real& score : score_M) score *= scale;
}

template <typename Real>
void add_bias(const Problem& problem, std::int64_t b, std::int64_t h, std::int64_t n, std::span<Real> score_M) {
    const Strides& strides = problem.bias.strides;
    if (problem.bias.data == nullptr) return;
    const float* bias = problem.bias.data + b * strides.batch + h * strides.head + n * strides.row;
    for (std::int64_t m = 0; m < std::ssize(score_M); ++m) score_M[m] += bias[m * strides.column];
}

/// Turns scores into probabilities; hidden keys get exactly 0. Returns the log of the sum of the exponentials, nothing where no key is
/// visible.
template <typename Real>
std::optional<Real> softmax_visible(std::span<const std::uint8_t> hidden_M, std::span<Real> score_M) {
    const std::int64_t keys = std::ssize(score_M);
    bool any = false;
    Real maximum = -std::numeric_limits<Real>::infinity();
    for (std::int64_t m = 0; m < keys; ++m) {
        if (hidden_M[m]) continue;
        any = true;
        maximum = std::max(maximum, score_M[m]);
    }
    Real sum = 0;
    for (std::int64_t m = 0; m < keys; ++m) {
        score_M[m] = hidden_M[m] ? Real(0) : std::exp(score_M[m] - maximum);
        sum += score_M[m];
    }
    if (!any) return std::nullopt;
    for (std::int64_t m = 0; m < keys; ++m) {
        if (!hidden_M[m]) score_M[m] /= sum;
    }
    return maximum + std::log(sum);
}

/// Throws what validate() throws, and Error{usage} when an output has another size than it must.
template <typename Real>
void stepwise_attention(const Problem& problem, Real scale, std::span<Real> out_BNHE, std::span<Real> lse_BHN) {
    validate(problem);
    const Shape& s = problem.shape;
    require_output_size(s, out_BNHE.size());
    require_lse_size(s, lse_BHN.size());
    for (Real& number : out_BNHE) number = 0;
    for (Real& number : lse_BHN) number = -std::numeric_limits<Real>::infinity();
    if ((out_BNHE.empty() && lse_BHN.empty()) || s.keys == 0) return;

    std::vector<Head<Real>> memory(problem.threads, Head<Real>(s));
#pragma omp parallel num_threads(problem.threads)
    {
        Head<Real>& head = memory[omp_get_thread_num()];
        for (std::int64_t bh = 0; bh < s.batch * s.heads; ++bh) {
            const std::int64_t b = bh / s.heads;
            const std::int64_t h = bh % s.heads;
            if (h % s.group() == 0) load_head(problem, b, h / s.group(), head);
#pragma omp for schedule(static) nowait
            for (std::int64_t n = 0; n < s.queries; ++n) {
                load_query<Real>(problem, b, h, n, head.q_D);
                for (std::int64_t m = 0; m < s.keys; ++m) head.hidden_M[m] = is_hidden(problem, b, n, m);
                score_keys<Real>(head.q_D, head, scale, head.score_M);
                add_bias<Real>(problem, b, h, n, head.score_M);
                const std::optional<Real> lse = softmax_visible<Real>(head.hidden_M, head.score_M);
                if (!lse) continue;
                if (!lse_BHN.empty()) lse_BHN[bh * s.queries + n] = *lse;
                Real* out = out_BNHE.data() + ((b * s.queries + n) * s.heads + h) * s.value_dim;
                for (std::int64_t m = 0; m < s.keys; ++m) {
                    if (head.hidden_M[m]) continue;
                    const Real* v_E = head.v_ME.data() + m * s.value_dim;
                    for (std::int64_t e = 0; e < s.value_dim; ++e) out[e] += head.score_M[m] * v_E[e];
                }
            }
        }
    }
}

}  // namespace plumb::kernels::attention
