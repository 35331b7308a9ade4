// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/gradient_rounding.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention/error_norm.h"
#include "kernels/attention/stepwise_backward.h"

namespace plumb::kernels::attention {
namespace {

constexpr double u = base::rounding_unit(base::Dtype::fp32);

/// Squared effects on the gradients of one key head, summed over pairs.
struct Squares {
    explicit Squares(const Shape& s) : dq_D(s.head_dim), dk_MD(s.keys * s.head_dim), dv_ME(s.keys * s.value_dim) {}

    std::vector<double> dq_D;  ///< of one query
    std::vector<double> dk_MD;
    std::vector<double> dv_ME;
};

double dot(std::span<const double> a, std::span<const double> b, bool of_magnitudes) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += of_magnitudes ? std::abs(a[i] * b[i]) : a[i] * b[i];
    return sum;
}

/// One query whose q, dO, hidden keys and probabilities stand in `row`.
void add_query(const Shape& s, const GradientRow<double>& row, std::span<const double> score_magnitude_M, double lse, double scale,
               Squares& squares) {
    std::vector<double> out_E(s.value_dim);
    for (std::int64_t m = 0; m < s.keys; ++m) {
        if (row.head.hidden_M[m]) continue;
        for (std::int64_t e = 0; e < s.value_dim; ++e) out_E[e] += row.probability_M[m] * row.head.v_ME[m * s.value_dim + e];
    }
    const double delta = dot(row.dout_E, out_E, false);
    const double delta_magnitude = dot(row.dout_E, out_E, true);
    std::fill(squares.dq_D.begin(), squares.dq_D.end(), 0.0);
    for (std::int64_t m = 0; m < s.keys; ++m) {
        if (row.head.hidden_M[m]) continue;
        const std::span<const double> v_E(row.head.v_ME.data() + m * s.value_dim, static_cast<std::size_t>(s.value_dim));
        const double probability = row.probability_M[m];
        const double centred = dot(row.dout_E, v_E, false) - delta;
        const double p = probability * (score_magnitude_M[m] + std::abs(lse) + 1);
        const double dscore = std::abs(centred) * p + probability * (dot(row.dout_E, v_E, true) + delta_magnitude + std::abs(centred));
        const auto add = [](double& sum, double effect) { sum += effect * effect; };
        for (std::int64_t e = 0; e < s.value_dim; ++e) add(squares.dv_ME[m * s.value_dim + e], u * p * row.dout_E[e]);
        for (std::int64_t d = 0; d < s.head_dim; ++d) {
            add(squares.dk_MD[m * s.head_dim + d], u * scale * dscore * row.head.q_D[d]);
            add(squares.dq_D[d], u * scale * dscore * row.k_MD[m * s.head_dim + d]);
        }
    }
}

/// Puts scores into row.probability_M and returns what each is relative to when it is rounded: scale sum |q k| + |bias|.
std::vector<double> score_with_magnitudes(const Problem& problem, std::int64_t b, std::int64_t h, std::int64_t n,
                                          GradientRow<double>& row) {
    const Shape& s = problem.shape;
    const double scale = effective_scale(problem);
    std::vector<double> magnitude_M(s.keys);
    add_bias<double>(problem, b, h, n, magnitude_M);
    for (std::int64_t m = 0; m < s.keys; ++m) {
        const std::span<const double> k_D(row.k_MD.data() + m * s.head_dim, static_cast<std::size_t>(s.head_dim));
        row.probability_M[m] = scale * dot(row.head.q_D, k_D, false) + magnitude_M[m];
        magnitude_M[m] = std::abs(scale) * dot(row.head.q_D, k_D, true) + std::abs(magnitude_M[m]);
    }
    return magnitude_M;
}

double root_of_largest(std::span<const double> squares) {
    return std::sqrt(largest_finite(squares));
}

}  // namespace

GradientRounding round_gradients_once(const Backward& backward) {
    const Problem& problem = backward.problem;
    const Shape& s = problem.shape;
    GradientRounding largest;
    GradientRow<double> row(s);
    for (std::int64_t bg = 0; bg < s.batch * s.kv_heads(); ++bg) {
        const std::int64_t b = bg / s.kv_heads();
        Squares squares(s);
        load_key_head(problem, b, bg % s.kv_heads(), row);
        for (std::int64_t task = 0; task < s.group() * s.queries; ++task) {
            const std::int64_t h = bg % s.kv_heads() * s.group() + task / s.queries;
            const std::int64_t n = task % s.queries;
            const Strides& by = backward.dout_strides;
            load_query<double>(problem, b, h, n, row.head.q_D);
            for (std::int64_t m = 0; m < s.keys; ++m) row.head.hidden_M[m] = is_hidden(problem, b, n, m);
            for (std::int64_t e = 0; e < s.value_dim; ++e)
                row.dout_E[e] = base::load(problem.dtype, backward.dout, b * by.batch + h * by.head + n * by.row + e * by.column);
            const std::vector<double> magnitude_M = score_with_magnitudes(problem, b, h, n, row);
            const std::optional<double> lse = softmax_visible<double>(row.head.hidden_M, row.probability_M);
            if (!lse) continue;
            add_query(s, row, magnitude_M, *lse, effective_scale(problem), squares);
            largest.dq = std::max(largest.dq, root_of_largest(squares.dq_D));
        }
        largest.dk = std::max(largest.dk, root_of_largest(squares.dk_MD));
        largest.dv = std::max(largest.dv, root_of_largest(squares.dv_ME));
    }
    return largest;
}

}  // namespace plumb::kernels::attention
