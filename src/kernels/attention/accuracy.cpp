// SPDX-License-Identifier: Apache-2.0
// Errors by the norm of accuracy.h.
#include "kernels/attention/accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"
#include "kernels/attention/error_norm.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/split.h"

namespace plumb::kernels::attention {
namespace {

/// Of the arithmetic, whatever the type of the output.
constexpr double u = base::rounding_unit(base::Dtype::fp32);
constexpr double infinity = std::numeric_limits<double>::infinity();

/// The parts hold every number of the problem exactly.
bool inputs_exact(const Problem& problem) {
    return problem.dtype == base::Dtype::bf16 || (problem.precision == Precision::high && problem.dtype == base::Dtype::fp16);
}

/// First-order effect on one query's outputs of rounding each of its scores and probabilities once, and each number that is multiplied;
/// largest over its outputs.
double single_rounding_of_row(const Problem& problem, std::int64_t b, std::int64_t h, std::int64_t n, std::span<const double> out_E) {
    const Shape& s = problem.shape;
    const base::Dtype dtype = problem.dtype;
    const std::int64_t q = b * problem.q_strides.batch + h * problem.q_strides.head + n * problem.q_strides.row;
    const std::int64_t k = b * problem.k_strides.batch + h / s.group() * problem.k_strides.head;
    const std::int64_t v = b * problem.v_strides.batch + h / s.group() * problem.v_strides.head;
    const Strides& by = problem.bias.strides;
    const double scale = effective_scale(problem);

    struct Key {
        std::int64_t index;
        double score;
        double magnitude;  ///< scale sum |q k| + |bias|
        double squares;    ///< sum (scale q k)^2
    };
    std::vector<Key> visible;
    double maximum = -infinity;
    for (std::int64_t m = 0; m < s.keys; ++m) {
        if (is_hidden(problem, b, n, m)) continue;
        Key key{.index = m, .score = 0, .magnitude = 0, .squares = 0};
        for (std::int64_t d = 0; d < s.head_dim; ++d) {
            const double product = scale * base::load(dtype, problem.q, q + d * problem.q_strides.column) *
                                   base::load(dtype, problem.k, k + m * problem.k_strides.row + d * problem.k_strides.column);
            key.score += product;
            key.magnitude += std::abs(product);
            key.squares += product * product;
        }
        if (problem.bias.data != nullptr) {
            const double bias = problem.bias.data[b * by.batch + h * by.head + n * by.row + m * by.column];
            key.score += bias;
            key.magnitude += std::abs(bias);
        }
        maximum = std::max(maximum, key.score);
        visible.push_back(key);
    }
    double sum = 0;
    for (const Key& key : visible) sum += std::exp(key.score - maximum);

    const double unit = problem.precision == Precision::highest ? 0.0 : product_rounding(problem.precision);
    const double inputs = inputs_exact(problem) ? 0.0 : 1.0;
    double largest = 0;
    for (std::int64_t e = 0; e < s.value_dim; ++e) {
        double effect = 0;
        double squares = 0;
        for (const Key& key : visible) {
            const double probability = std::exp(key.score - maximum) / sum;
            const double value = base::load(dtype, problem.v, v + key.index * problem.v_strides.row + e * problem.v_strides.column);
            const double distance = value - out_E[e];
            effect += probability * (std::abs(distance) * key.magnitude + std::abs(value));
            squares += probability * probability * (distance * distance * (1 + 2 * inputs * key.squares) + inputs * value * value);
        }
        const double both = u * effect + unit * std::sqrt(squares);
        if (std::isfinite(both)) largest = std::max(largest, both);
    }
    return largest;
}

double single_rounding(const Problem& problem, std::span<const double> reference_BNHE) {
    const Shape& s = problem.shape;
    if (std::ssize(reference_BNHE) >= few_outputs) return 0;
    double largest = 0;
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t n = 0; n < s.queries; ++n) {
            for (std::int64_t h = 0; h < s.heads; ++h) {
                const auto out_E = reference_BNHE.subspan(((b * s.queries + n) * s.heads + h) * s.value_dim, s.value_dim);
                largest = std::max(largest, single_rounding_of_row(problem, b, h, n, out_E));
            }
        }
    }
    return largest;
}

std::vector<std::int64_t> random_order(std::int64_t count, int draw) {
    const base::RandomStream stream(static_cast<std::uint64_t>(draw), "attention.order");
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    for (std::int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[stream.below(i, i + 1)]);
    return order;
}

/// B x rows x heads x D, contiguous, column d taken from column order[d].
base::Numbers reorder_columns(const Problem& problem, const void* source, const Strides& strides, std::int64_t heads, std::int64_t rows,
                              std::span<const std::int64_t> order) {
    base::Numbers target(problem.dtype, problem.shape.batch * rows * heads * std::ssize(order));
    std::size_t at = 0;
    for (std::int64_t b = 0; b < problem.shape.batch; ++b) {
        for (std::int64_t r = 0; r < rows; ++r) {
            for (std::int64_t h = 0; h < heads; ++h) {
                const std::int64_t first = b * strides.batch + r * strides.row + h * strides.head;
                for (const std::int64_t column : order)
                    target.set(at++, base::load(problem.dtype, source, first + column * strides.column));
            }
        }
    }
    return target;
}

/// Largest error of plain() with the columns of q and k in the `draw`-th order: the same attention, other roundings.
double plain_error_in_order(const Problem& problem, std::span<const double> reference_BNHE, int draw) {
    const Shape& s = problem.shape;
    const std::vector<std::int64_t> order = random_order(s.head_dim, draw);
    const base::Numbers q = reorder_columns(problem, problem.q, problem.q_strides, s.heads, s.queries, order);
    const base::Numbers k = reorder_columns(problem, problem.k, problem.k_strides, s.kv_heads(), s.keys, order);
    Problem reordered = problem;
    reordered.q = q.data();
    reordered.k = k.data();
    reordered.q_strides = strides_bnhd(s.queries, s.heads, s.head_dim);
    reordered.k_strides = strides_bnhd(s.keys, s.kv_heads(), s.head_dim);
    std::vector<float> out(reference_BNHE.size());
    plain(reordered, out);
    return largest_error(reference_BNHE, out);
}

}  // namespace

bool Accuracy::within() const {
    return std::isfinite(bound) && max_error <= bound;
}

Accuracy measure_accuracy(const Problem& problem, std::span<const double> reference_BNHE, std::span<const float> plain_BNHE,
                          std::span<const float> out_BNHE) {
    validate(problem);
    for (const std::size_t size : {reference_BNHE.size(), plain_BNHE.size(), out_BNHE.size()}) require_output_size(problem.shape, size);

    Accuracy accuracy;
    accuracy.max_error = largest_error(reference_BNHE, out_BNHE);
    accuracy.plain_max_error = largest_error(reference_BNHE, plain_BNHE);
    accuracy.single_rounding = single_rounding(problem, reference_BNHE);
    accuracy.compared = std::ssize(out_BNHE);
    accuracy.distinct = distinct_up_to_two(out_BNHE);
    const auto update_bound = [&] {
        accuracy.bound =
            error_bound(std::max(accuracy.plain_max_error, accuracy.single_rounding), largest_finite(reference_BNHE), problem.dtype);
    };
    update_bound();
    for (int draw = 1; draw < plain_orders && std::isfinite(accuracy.max_error) && accuracy.max_error > accuracy.bound; ++draw) {
        accuracy.plain_max_error = std::max(accuracy.plain_max_error, plain_error_in_order(problem, reference_BNHE, draw));
        update_bound();
    }
    return accuracy;
}

Accuracy measure_accuracy(const Problem& problem, std::span<const float> out_BNHE) {
    std::vector<double> exact(out_BNHE.size());
    std::vector<float> yardstick(out_BNHE.size());
    reference(problem, exact);
    plain(problem, yardstick);
    return measure_accuracy(problem, exact, yardstick, out_BNHE);
}

}  // namespace plumb::kernels::attention
