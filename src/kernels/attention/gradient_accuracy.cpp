// SPDX-License-Identifier: Apache-2.0
// Errors of gradients by the norm of accuracy.h.
#include "kernels/attention/gradient_accuracy.h"

#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"
#include "kernels/attention/error_norm.h"
#include "kernels/attention/gradient_rounding.h"

namespace plumb::kernels::attention {
namespace {

/// dq, dk and dv, each contiguous (row, head, column), owned.
template <typename Real>
struct GradientSet {
    explicit GradientSet(const Shape& s)
        : dq(s.batch * s.queries * s.heads * s.head_dim),
          dk(s.batch * s.keys * s.kv_heads() * s.head_dim),
          dv(s.batch * s.keys * s.kv_heads() * s.value_dim) {}
    Gradients<Real> spans() { return {dq, dk, dv}; }

    std::vector<Real> dq;
    std::vector<Real> dk;
    std::vector<Real> dv;
};

/// A tensor in the memory of somebody: what it takes to read it.
struct Source {
    const void* numbers;
    const Strides& strides;
    std::int64_t heads, rows, columns;
};

/// B x rows x heads x columns, contiguous; column c is column order[c] of the source.
std::vector<float> gather(base::Dtype dtype, std::int64_t batch, const Source& source, std::span<const std::int64_t> order) {
    std::vector<float> gathered;
    gathered.reserve(batch * source.rows * source.heads * source.columns);
    for (std::int64_t b = 0; b < batch; ++b) {
        for (std::int64_t row = 0; row < source.rows; ++row) {
            for (std::int64_t h = 0; h < source.heads; ++h) {
                const Strides& by = source.strides;
                const std::int64_t first = b * by.batch + row * by.row + h * by.head;
                for (const std::int64_t column : order) gathered.push_back(base::load(dtype, source.numbers, first + column * by.column));
            }
        }
    }
    return gathered;
}

std::vector<std::int64_t> in_order(std::int64_t count) {
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    return order;
}

std::vector<std::int64_t> random_order(std::int64_t count, int draw, const char* purpose) {
    const base::RandomStream stream(static_cast<std::uint64_t>(draw), purpose);
    std::vector<std::int64_t> order = in_order(count);
    for (std::int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[stream.below(i, i + 1)]);
    return order;
}

/// Puts column order[c] back where column c stands.
void restore_columns(std::span<const std::int64_t> order, std::vector<float>& numbers) {
    const std::int64_t columns = std::ssize(order);
    std::vector<float> row(order.size());
    for (std::int64_t first = 0; first < std::ssize(numbers); first += columns) {
        for (std::int64_t c = 0; c < columns; ++c) row[order[c]] = numbers[first + c];
        std::copy(row.begin(), row.end(), numbers.begin() + first);
    }
}

/// plain_backward() with the columns of head_dim and value_dim in the `draw`-th order: the same gradients, other roundings.
GradientSet<float> plain_in_order(const Backward& backward, int draw) {
    const Problem& problem = backward.problem;
    const Shape& s = problem.shape;
    const base::Dtype dtype = problem.dtype;
    const std::vector<std::int64_t> order_D = draw == 0 ? in_order(s.head_dim) : random_order(s.head_dim, draw, "gradient.head_dim");
    const std::vector<std::int64_t> order_E = draw == 0 ? in_order(s.value_dim) : random_order(s.value_dim, draw, "gradient.value_dim");
    const auto reorder = [&](const void* numbers, const Strides& strides, std::int64_t heads, std::int64_t rows,
                             std::span<const std::int64_t> order) {
        return base::Numbers(dtype, gather(dtype, s.batch, {numbers, strides, heads, rows, std::ssize(order)}, order));
    };
    const base::Numbers q = reorder(problem.q, problem.q_strides, s.heads, s.queries, order_D);
    const base::Numbers k = reorder(problem.k, problem.k_strides, s.kv_heads(), s.keys, order_D);
    const base::Numbers v = reorder(problem.v, problem.v_strides, s.kv_heads(), s.keys, order_E);
    const base::Numbers out = reorder(backward.out, backward.out_strides, s.heads, s.queries, order_E);
    const base::Numbers dout = reorder(backward.dout, backward.dout_strides, s.heads, s.queries, order_E);
    Backward reordered = backward;
    reordered.problem.q = q.data();
    reordered.problem.k = k.data();
    reordered.problem.v = v.data();
    reordered.out = out.data();
    reordered.dout = dout.data();
    reordered.problem.q_strides = strides_bnhd(s.queries, s.heads, s.head_dim);
    reordered.problem.k_strides = strides_bnhd(s.keys, s.kv_heads(), s.head_dim);
    reordered.problem.v_strides = strides_bnhd(s.keys, s.kv_heads(), s.value_dim);
    reordered.out_strides = reordered.dout_strides = strides_bnhd(s.queries, s.heads, s.value_dim);
    GradientSet<float> gradients(s);
    plain_backward(reordered, gradients.spans());
    restore_columns(order_D, gradients.dq);
    restore_columns(order_D, gradients.dk);
    restore_columns(order_E, gradients.dv);
    return gradients;
}

Accuracy start(std::span<const double> exact, std::span<const float> result, double single_rounding) {
    Accuracy accuracy;
    accuracy.max_error = largest_error(exact, result);
    accuracy.single_rounding = single_rounding;
    accuracy.compared = std::ssize(result);
    accuracy.distinct = distinct_up_to_two(result);
    return accuracy;
}

void add_yardstick(std::span<const double> exact, std::span<const float> plain, base::Dtype dtype, Accuracy& accuracy) {
    accuracy.plain_max_error = std::max(accuracy.plain_max_error, largest_error(exact, plain));
    accuracy.bound = error_bound(std::max(accuracy.plain_max_error, accuracy.single_rounding), largest_finite(exact), dtype);
}

}  // namespace

GradientAccuracy measure_gradient_accuracy(const Backward& backward) {
    validate(backward);
    const Problem& problem = backward.problem;
    const Shape& s = problem.shape;
    GradientSet<double> exact(s);
    reference_backward(problem, backward.dout, backward.dout_strides, exact.spans());
    const GradientRounding single = round_gradients_once(backward);
    const auto read = [&](const void* numbers, const Strides& strides, std::int64_t heads, std::int64_t rows, std::int64_t columns) {
        return gather(problem.dtype, s.batch, {numbers, strides, heads, rows, columns}, in_order(columns));
    };
    GradientAccuracy accuracy;
    accuracy.dq = start(exact.dq, read(backward.dq, backward.dq_strides, s.heads, s.queries, s.head_dim), single.dq);
    accuracy.dk = start(exact.dk, read(backward.dk, backward.dk_strides, s.kv_heads(), s.keys, s.head_dim), single.dk);
    accuracy.dv = start(exact.dv, read(backward.dv, backward.dv_strides, s.kv_heads(), s.keys, s.value_dim), single.dv);
    for (int draw = 0; draw < plain_orders && !accuracy.within(); ++draw) {
        const GradientSet<float> plain = plain_in_order(backward, draw);
        add_yardstick(exact.dq, plain.dq, problem.dtype, accuracy.dq);
        add_yardstick(exact.dk, plain.dk, problem.dtype, accuracy.dk);
        add_yardstick(exact.dv, plain.dv, problem.dtype, accuracy.dv);
    }
    return accuracy;
}

}  // namespace plumb::kernels::attention
