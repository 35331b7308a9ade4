// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention without torch: softmax(q k^T * scale, hidden keys left out) v.
//
// Legend: B batch, H heads, N queries, M keys, D head_dim, E value_dim.
// A query whose keys are all hidden (or M = 0) gives a row of zeros; reference and fused agree on it.
// To add an implementation: one .cpp here and one line of the table in implementations.cpp; tests and benchmarks walk the table.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::kernels::attention {

struct Shape {
    std::int64_t batch = 1;
    std::int64_t heads = 1;
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;
};

/// Distance in elements between neighbours along each axis; any layout (BNHD, BHND, a slice of a packed qkv).
struct Strides {
    std::int64_t batch = 0;
    std::int64_t head = 0;
    std::int64_t row = 0;     ///< query or key
    std::int64_t column = 1;  ///< head_dim or value_dim
};
Strides strides_bnhd(std::int64_t rows, std::int64_t heads, std::int64_t columns);
Strides strides_bhnd(std::int64_t rows, std::int64_t heads, std::int64_t columns);

enum class MaskKind {
    none,
    boolean,      ///< hidden[b, n, m]: true = this key is hidden from this query; shared by all heads
    key_padding,  ///< hidden[b, m]
    causal        ///< key m is hidden from query n when m > n + (M - N): the last query sees every key
};

struct Mask {
    MaskKind kind = MaskKind::none;
    const std::uint8_t* hidden = nullptr;  ///< 0 or 1; boolean: B x N x M contiguous, key_padding: B x M contiguous; otherwise unused
};

/// Borrowed pointers; q, k, v and out must not overlap out.
struct Problem {
    Shape shape;
    const float* q = nullptr;
    const float* k = nullptr;
    const float* v = nullptr;
    Strides q_strides;
    Strides k_strides;
    Strides v_strides;
    Mask mask;
    float scale = 0;  ///< 0: 1 / sqrt(D)
    int threads = 1;
};

/// Throws Error{usage} naming the shapes of q and k (and v) when a size is negative or too large, D is 0, a needed pointer is null, the
/// scale is not finite or threads < 1.
void validate(const Problem& problem);
/// The part of validate() that needs no data.
void validate_shape(const Shape& shape);
/// Throws Error{usage} when an output of `size` numbers is not B x N x H x E.
void require_output_size(const Shape& shape, std::size_t size);
/// "2x8x32x64": B x H x rows x columns, as errors name shapes.
std::string shape_text(std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t columns);
/// The factor of the scores: problem.scale, or 1 / sqrt(D) where that is 0.
double effective_scale(const Problem& problem);
/// Queries of one head whose keys are all hidden, summed over the batch (each counts once per head): rows that are zeros by definition.
std::int64_t fully_hidden_rows(const Problem& problem);
/// Floating-point operations of the two products over visible keys counted as done by a full computation: 4 B H N M D (D = E), halved for
/// causal N = M as (N + 1) / 2N.
double operations(const Problem& problem);

/// fp64 throughout, obviously right, slow. out: B x N x H x E contiguous; Error{usage} when the span has another size. A hidden key is left
/// out whatever its numbers are; NaN or inf of a visible key spread as in softmax.
void reference(const Problem& problem, std::span<double> out_BNHE);
/// The same steps in the same order in plain fp32 (every product and every sum rounded, sums in order) with stored scores, no blocking: the
/// yardstick of the accuracy rule (DESIGN 7), e_ref.
void plain(const Problem& problem, std::span<float> out_BNHE);

/// Fused: online softmax, never stores the N x M scores. fp32 accumulation. Bitwise reproducible for any number of threads on one
/// instruction set. Error against fp64: at most twice that of plain() plus its rounding. Chooses the instruction set at run time (isa.h).
void fused(const Problem& problem, float* out, const Strides& out_strides);

}  // namespace plumb::kernels::attention
