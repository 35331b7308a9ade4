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

/// What one result over all parts has so far, from `largest` on: the largest finite number of the exact one.
struct Tensor {
    Accuracy accuracy;
    double largest = 0;

    void add_part(std::span<const double> exact, std::span<const float> result, double single_rounding) {
        accuracy.max_error = std::max(accuracy.max_error, largest_error(exact, result));
        accuracy.single_rounding = std::max(accuracy.single_rounding, single_rounding);
        accuracy.compared += std::ssize(result);
        accuracy.distinct = std::max(accuracy.distinct, distinct_up_to_two(result));
        largest = std::max(largest, largest_finite(exact));
    }
    void add_plain(double error, base::Dtype dtype) {
        accuracy.plain_max_error = std::max(accuracy.plain_max_error, error);
        accuracy.bound = error_bound(std::max(accuracy.plain_max_error, accuracy.single_rounding), largest, dtype);
    }
};

}  // namespace

struct GradientYardstick::Part {
    explicit Part(const Backward& backward) : exact(backward.problem.shape), single(round_gradients_once(backward)) {
        reference_backward(backward.problem, backward.dout, backward.dout_strides, exact.spans());
    }
    GradientSet<double> exact;
    GradientRounding single;
};

GradientYardstick::GradientYardstick(std::vector<Backward> parts) : parts_(std::move(parts)) {
    exact_.reserve(parts_.size());
    for (const Backward& part : parts_) exact_.emplace_back(part);
}
GradientYardstick::~GradientYardstick() = default;
GradientYardstick::GradientYardstick(GradientYardstick&&) noexcept = default;
GradientYardstick& GradientYardstick::operator=(GradientYardstick&&) noexcept = default;

void GradientYardstick::compute_plain(int draw) {
    GradientErrors errors;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const GradientSet<float> plain = plain_in_order(parts_[i], draw);
        errors.dq = std::max(errors.dq, largest_error(exact_[i].exact.dq, plain.dq));
        errors.dk = std::max(errors.dk, largest_error(exact_[i].exact.dk, plain.dk));
        errors.dv = std::max(errors.dv, largest_error(exact_[i].exact.dv, plain.dv));
    }
    plain_errors_.push_back(errors);
}

GradientAccuracy GradientYardstick::measure(std::span<const Gradients<const float>> results) {
    Tensor dq, dk, dv;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = exact_[i];
        dq.add_part(part.exact.dq, results[i].dq_BNHD, part.single.dq);
        dk.add_part(part.exact.dk, results[i].dk_BMGD, part.single.dk);
        dv.add_part(part.exact.dv, results[i].dv_BMGE, part.single.dv);
    }
    GradientAccuracy accuracy{dq.accuracy, dk.accuracy, dv.accuracy};
    for (int draw = 0; draw < plain_orders && !accuracy.within(); ++draw) {
        if (draw == std::ssize(plain_errors_)) compute_plain(draw);
        const base::Dtype dtype = parts_.empty() ? base::Dtype::fp32 : parts_.front().problem.dtype;
        dq.add_plain(plain_errors_[static_cast<std::size_t>(draw)].dq, dtype);
        dk.add_plain(plain_errors_[static_cast<std::size_t>(draw)].dk, dtype);
        dv.add_plain(plain_errors_[static_cast<std::size_t>(draw)].dv, dtype);
        accuracy = {dq.accuracy, dk.accuracy, dv.accuracy};
    }
    return accuracy;
}

GradientAccuracy measure_gradient_accuracy(const Backward& backward) {
    validate(backward);
    const Problem& problem = backward.problem;
    const Shape& s = problem.shape;
    const auto read = [&](const void* numbers, const Strides& strides, std::int64_t heads, std::int64_t rows, std::int64_t columns) {
        return gather(problem.dtype, s.batch, {numbers, strides, heads, rows, columns}, in_order(columns));
    };
    const std::vector<float> dq = read(backward.dq, backward.dq_strides, s.heads, s.queries, s.head_dim);
    const std::vector<float> dk = read(backward.dk, backward.dk_strides, s.kv_heads(), s.keys, s.head_dim);
    const std::vector<float> dv = read(backward.dv, backward.dv_strides, s.kv_heads(), s.keys, s.value_dim);
    const Gradients<const float> results[] = {{dq, dk, dv}};
    return GradientYardstick({backward}).measure(results);
}

}  // namespace plumb::kernels::attention
