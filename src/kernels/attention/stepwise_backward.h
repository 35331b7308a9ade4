// SPDX-License-Identifier: Apache-2.0
// The backward pass one query after the other in one number type: reference_backward() is this in fp64, plain_backward() in fp32. Inner
// loops run along keys or columns: a compiler may use vectors without reordering any sum.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
#pragma once
#include <omp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/backward.h"
#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {

/// One key head and what one query contributes, filled step by step: the memory of one thread.
template <typename Real>
struct GradientRow {
    explicit GradientRow(const Shape& s)
        : head(s), probability_M(s.keys), dscore_M(s.keys), dout_E(s.value_dim), k_MD(s.keys * s.head_dim), v_EM(s.value_dim * s.keys) {}

    Head<Real> head;
    std::vector<Real> probability_M;  ///< scores, then P
    std::vector<Real> dscore_M;       ///< dO . v, then dS
    std::vector<Real> dout_E;
    std::vector<Real> k_MD;  ///< the numbers of head in the other order
    std::vector<Real> v_EM;
};

template <typename Real>
void require_gradient_sizes(const Shape& s, const Gradients<Real>& gradients) {
    const struct {
        const char* name;
        std::size_t size;
        std::int64_t heads, rows, columns;
    } tensors[] = {{"dq", gradients.dq_BNHD.size(), s.heads, s.queries, s.head_dim},
                   {"dk", gradients.dk_BMGD.size(), s.kv_heads(), s.keys, s.head_dim},
                   {"dv", gradients.dv_BMGE.size(), s.kv_heads(), s.keys, s.value_dim}};
    for (const auto& [name, size, heads, rows, columns] : tensors) {
        const std::int64_t needed = s.batch * heads * rows * columns;
        if (static_cast<std::int64_t>(size) == needed) continue;
        throw base::Error(base::ErrorKind::usage,
                          std::string(name) + " holds " + std::to_string(size) + " numbers, but batch x heads x rows x columns is " +
                              shape_text(s.batch, heads, rows, columns) + " = " + std::to_string(needed),
                          "pass a buffer of that size");
    }
}

template <typename Real>
void load_key_head(const Problem& problem, std::int64_t b, std::int64_t g, GradientRow<Real>& row) {
    const Shape& s = problem.shape;
    load_head(problem, b, g, row.head);
    for (std::int64_t m = 0; m < s.keys; ++m) {
        for (std::int64_t d = 0; d < s.head_dim; ++d) row.k_MD[m * s.head_dim + d] = row.head.k_DM[d * s.keys + m];
        for (std::int64_t e = 0; e < s.value_dim; ++e) row.v_EM[e * s.keys + m] = row.head.v_ME[m * s.value_dim + e];
    }
}

/// Adds one query's share to dk and dv of its key head and to its dq; hidden keys are left out.
template <typename Real>
void spread_row(const Shape& s, const GradientRow<Real>& row, Real* dq_D, Real* dk, Real* dv) {
    for (std::int64_t m = 0; m < s.keys; ++m) {
        if (row.head.hidden_M[m]) continue;
        const Real dscore = row.dscore_M[m];
        const Real probability = row.probability_M[m];
        Real* dk_D = dk + m * s.kv_heads() * s.head_dim;
        Real* dv_E = dv + m * s.kv_heads() * s.value_dim;
        for (std::int64_t d = 0; d < s.head_dim; ++d) dq_D[d] += dscore * row.k_MD[m * s.head_dim + d];
        for (std::int64_t d = 0; d < s.head_dim; ++d) dk_D[d] += dscore * row.head.q_D[d];
        for (std::int64_t e = 0; e < s.value_dim; ++e) dv_E[e] += probability * row.dout_E[e];
    }
}

/// One query: scores, dO . v, `differentiate`, and its share of every gradient, without the factor scale.
template <typename Real, class Differentiate>
void differentiate_query(const Problem& problem, const void* dout, const Strides& dout_strides, Real scale, std::int64_t b, std::int64_t h,
                         std::int64_t n, const Gradients<Real>& gradients, const Differentiate& differentiate, GradientRow<Real>& row) {
    const Shape& s = problem.shape;
    const std::int64_t g = h / s.group();
    const std::int64_t first = b * dout_strides.batch + h * dout_strides.head + n * dout_strides.row;
    load_query<Real>(problem, b, h, n, row.head.q_D);
    for (std::int64_t e = 0; e < s.value_dim; ++e) row.dout_E[e] = base::load(problem.dtype, dout, first + e * dout_strides.column);
    for (std::int64_t m = 0; m < s.keys; ++m) row.head.hidden_M[m] = is_hidden(problem, b, n, m);
    score_keys<Real>(row.head.q_D, row.head, scale, row.probability_M);
    add_bias<Real>(problem, b, h, n, row.probability_M);
    for (Real& number : row.dscore_M) number = 0;
    for (std::int64_t e = 0; e < s.value_dim; ++e)
        for (std::int64_t m = 0; m < s.keys; ++m) row.dscore_M[m] += row.dout_E[e] * row.v_EM[e * s.keys + m];
    differentiate(b, h, n, row);
    spread_row<Real>(s, row, gradients.dq_BNHD.data() + ((b * s.queries + n) * s.heads + h) * s.head_dim,
                     gradients.dk_BMGD.data() + (b * s.keys * s.kv_heads() + g) * s.head_dim,
                     gradients.dv_BMGE.data() + (b * s.keys * s.kv_heads() + g) * s.value_dim);
}

/// `differentiate(b, h, n, row)` turns row.probability_M from scores into P and row.dscore_M from dO . v into dS, for visible keys at
/// least.
template <typename Real, class Differentiate>
void stepwise_backward(const Problem& problem, const void* dout, const Strides& dout_strides, Real scale, const Gradients<Real>& gradients,
                       const Differentiate& differentiate) {
    const Shape& s = problem.shape;
    require_gradient_sizes(s, gradients);
    for (const std::span<Real> tensor : {gradients.dq_BNHD, gradients.dk_BMGD, gradients.dv_BMGE})
        for (Real& number : tensor) number = 0;
    if (s.queries == 0 || s.keys == 0) return;

    std::vector<GradientRow<Real>> rows(problem.threads, GradientRow<Real>(s));
#pragma omp parallel for num_threads(problem.threads) schedule(dynamic)
    for (std::int64_t bg = 0; bg < s.batch * s.kv_heads(); ++bg) {
        const std::int64_t b = bg / s.kv_heads();
        const std::int64_t g = bg % s.kv_heads();
        GradientRow<Real>& row = rows[omp_get_thread_num()];
        load_key_head(problem, b, g, row);
        for (std::int64_t h = g * s.group(); h < (g + 1) * s.group(); ++h)
            for (std::int64_t n = 0; n < s.queries; ++n)
                differentiate_query<Real>(problem, dout, dout_strides, scale, b, h, n, gradients, differentiate, row);
    }
    for (const std::span<Real> tensor : {gradients.dq_BNHD, gradients.dk_BMGD})
        for (Real& number : tensor) number *= scale;
}

}  // namespace plumb::kernels::attention
