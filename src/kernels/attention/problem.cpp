// SPDX-License-Identifier: Apache-2.0
// What can be said of a problem without computing it: validity, operations, rows without a visible key.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"

namespace plumb::kernels::attention {
namespace {

/// Largest number of elements of one tensor; below it no index computed here overflows.
constexpr double most_elements = 1e15;

std::string q_text(const Shape& s) {
    return "q " + shape_text(s.batch, s.heads, s.queries, s.head_dim);
}
std::string k_text(const Shape& s) {
    return "k " + shape_text(s.batch, s.kv_heads(), s.keys, s.head_dim);
}
std::string v_text(const Shape& s) {
    return "v " + shape_text(s.batch, s.kv_heads(), s.keys, s.value_dim);
}

[[noreturn]] void reject(const Shape& s, const std::string& what, const std::string& hint) {
    throw base::Error(base::ErrorKind::usage, "attention of " + q_text(s) + " with " + k_text(s) + " and " + v_text(s) + ": " + what, hint);
}

double elements(std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t columns) {
    return static_cast<double>(batch) * static_cast<double>(heads) * static_cast<double>(rows) * static_cast<double>(columns);
}

void validate_mask(const Shape& s, const Mask& mask) {
    if (mask.left < -1 || mask.right < -1) {
        reject(s, "the window is " + std::to_string(mask.left) + " keys to the left and " + std::to_string(mask.right) + " to the right",
               "-1 means no limit on that side");
    }
    if (mask.kind == MaskKind::none && (mask.left >= 0 || mask.right >= 0)) {
        reject(s, "a window is given with the mask 'none'",
               "choose the mask sliding_window, or causal, key_padding or boolean with a window");
    }
    if (mask.hidden != nullptr || s.batch == 0 || s.queries == 0 || s.keys == 0) return;
    if (mask.kind == MaskKind::boolean) {
        reject(s, "the boolean mask is a null pointer",
               "pass B x N x M = " + std::to_string(s.batch) + "x" + std::to_string(s.queries) + "x" + std::to_string(s.keys) + " bytes");
    }
    if (mask.kind == MaskKind::key_padding) {
        reject(s, "the key padding mask is a null pointer",
               "pass B x M = " + std::to_string(s.batch) + "x" + std::to_string(s.keys) + " bytes");
    }
}

}  // namespace

std::string_view name(Precision precision) {
    constexpr std::array<std::string_view, 3> names = {"highest", "high", "medium"};
    return names.at(static_cast<std::size_t>(precision));
}

std::string shape_text(std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t columns) {
    return std::to_string(batch) + "x" + std::to_string(heads) + "x" + std::to_string(rows) + "x" + std::to_string(columns);
}

Strides strides_bnhd(std::int64_t rows, std::int64_t heads, std::int64_t columns) {
    return {.batch = rows * heads * columns, .head = columns, .row = heads * columns, .column = 1};
}

Strides strides_bhnd(std::int64_t rows, std::int64_t heads, std::int64_t columns) {
    return {.batch = heads * rows * columns, .head = rows * columns, .row = columns, .column = 1};
}

void validate_shape(const Shape& s) {
    const struct {
        const char* name;
        std::int64_t size;
    } sizes[] = {{"batch", s.batch},       {"heads", s.heads},         {"queries", s.queries},    {"keys", s.keys},
                 {"head_dim", s.head_dim}, {"value_dim", s.value_dim}, {"key_heads", s.key_heads}};
    for (const auto& [name, size] : sizes) {
        if (size < 0) reject(s, std::string(name) + " is " + std::to_string(size), "sizes are 0 or more");
    }
    if (s.key_heads > 0 && s.heads % s.key_heads != 0) {
        reject(s, std::to_string(s.heads) + " heads are no multiple of " + std::to_string(s.key_heads) + " key heads",
               "each key head serves the same number of heads");
    }
    if (s.head_dim == 0) reject(s, "head_dim is 0, so no score is defined", "head_dim is 1 or more");
    const double largest = std::max({elements(s.batch, s.heads, s.queries, s.head_dim), elements(s.batch, s.heads, s.keys, s.head_dim),
                                     elements(s.batch, s.heads, s.keys, s.value_dim), elements(s.batch, s.heads, s.queries, s.value_dim),
                                     elements(s.batch, 1, s.queries, s.keys)});
    if (largest > most_elements) reject(s, "a tensor would have more than 10^15 numbers", "make a size smaller");
}

std::int64_t output_size(const Shape& shape) {
    return shape.batch * shape.queries * shape.heads * shape.value_dim;
}

void require_output_size(const Shape& shape, std::size_t size) {
    const std::int64_t needed = output_size(shape);
    if (static_cast<std::int64_t>(size) == needed) return;
    throw base::Error(base::ErrorKind::usage,
                      "attention output holds " + std::to_string(size) + " numbers, but B x H x N x E is " +
                          shape_text(shape.batch, shape.heads, shape.queries, shape.value_dim) + " = " + std::to_string(needed),
                      "pass a buffer of that size");
}

void require_lse_size(const Shape& shape, std::size_t size) {
    const std::int64_t needed = shape.batch * shape.heads * shape.queries;
    if (size == 0 || static_cast<std::int64_t>(size) == needed) return;
    throw base::Error(base::ErrorKind::usage,
                      "log-sum-exps take " + std::to_string(size) + " numbers, but B x H x N is " + std::to_string(shape.batch) + "x" +
                          std::to_string(shape.heads) + "x" + std::to_string(shape.queries) + " = " + std::to_string(needed),
                      "pass a buffer of that size or none");
}

void validate(const Problem& problem) {
    const Shape& s = problem.shape;
    validate_shape(s);
    if (problem.threads < 1) reject(s, "threads is " + std::to_string(problem.threads), "give at least 1");
    if (!std::isfinite(problem.scale)) reject(s, "the scale is " + std::to_string(problem.scale), "0 means 1 / sqrt(head_dim)");
    validate_mask(s, problem.mask);
    const bool any_output = s.batch > 0 && s.heads > 0 && s.queries > 0;
    if (any_output && problem.q == nullptr) reject(s, "q is a null pointer", "pass the queries");
    if (!any_output || s.keys == 0) return;
    if (problem.k == nullptr) reject(s, "k is a null pointer", "pass the keys");
    if (problem.v == nullptr && s.value_dim > 0) reject(s, "v is a null pointer", "pass the values");
}

double effective_scale(const Problem& problem) {
    return problem.scale == 0 ? 1.0 / std::sqrt(static_cast<double>(problem.shape.head_dim)) : static_cast<double>(problem.scale);
}

std::int64_t fully_hidden_rows(const Problem& problem) {
    validate(problem);
    const Shape& s = problem.shape;
    std::int64_t rows = 0;
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t n = 0; n < s.queries; ++n) {
            if (fully_hidden(problem, b, n)) ++rows;
        }
    }
    return rows;
}

double operations(const Problem& problem) {
    const Shape& s = problem.shape;
    double pairs = static_cast<double>(s.queries) * static_cast<double>(s.keys);
    if (is_positional(problem.mask)) {
        pairs = 0;
        for (std::int64_t n = 0; n < s.queries; ++n) pairs += static_cast<double>(range_of(problem, n).size());
    }
    return 2.0 * static_cast<double>(s.batch) * static_cast<double>(s.heads) * pairs * static_cast<double>(s.head_dim + s.value_dim);
}

}  // namespace plumb::kernels::attention
