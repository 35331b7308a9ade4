// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention without torch: softmax(q k^T * scale + bias, hidden keys left out) v.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
// A query whose keys are all hidden (or M = 0) gives a row of zeros and the log-sum-exp -inf; reference and fused agree on it.
// To add an implementation: one .cpp here and one line of the table in implementations.cpp; tests and benchmarks walk the table.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace plumb::kernels::attention {

struct Shape {
    std::int64_t batch = 1;
    std::int64_t heads = 1;
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;
    /// Heads of k and v; H is a multiple of it, and query head h reads key head h / (H / G), as grouped-query attention has it. 0: G = H.
    std::int64_t key_heads = 0;

    /// G, the default resolved.
    std::int64_t kv_heads() const { return key_heads == 0 ? heads : key_heads; }
    /// H / G; 1 where there are no heads.
    std::int64_t group() const { return kv_heads() == 0 ? 1 : heads / kv_heads(); }
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
    boolean,        ///< hidden[b, n, m]: true = this key is hidden from this query; shared by all heads
    key_padding,    ///< hidden[b, m]
    causal,         ///< key m is hidden from query n when m > n + (M - N): the last query sees every key
    sliding_window  ///< the window below and nothing else
};

/// A key is visible where both the kind and the window let it be. The window is aligned like causal: query n stands at key n + (M - N) and
/// sees `left` keys before that one and `right` keys after it; -1 = no limit on that side. Causal is the window with right = 0; so key
/// padding with right = 0 is a padded causal batch, and causal with left = w is local causal attention. MaskKind::none takes no window.
struct Mask {
    MaskKind kind = MaskKind::none;
    const std::uint8_t* hidden = nullptr;  ///< 0 or 1; boolean: B x N x M contiguous, key_padding: B x M contiguous; otherwise unused
    std::int64_t left = -1;
    std::int64_t right = -1;
};

/// Numbers added to the scaled scores, fp32 whatever the type of q. Strides are those of B x H x N x M; 0 repeats along an axis. -inf hides
/// nothing: a query whose visible scores are all -inf gives NaN, as 0 / 0.
struct Bias {
    const float* data = nullptr;  ///< null: no bias
    Strides strides;              ///< row: query, column: key
};

/// PyTorch's names. highest: fp32 throughout; high: each number as two bf16, three products; medium: bf16 products, fp32 sums.
enum class Precision { highest, high, medium };
std::string_view name(Precision precision);

/// Borrowed pointers; q, k, v and bias must not overlap an output.
struct Problem {
    Shape shape;
    const void* q = nullptr;  ///< numbers of type `dtype`, as are k, v and the output
    const void* k = nullptr;
    const void* v = nullptr;
    Strides q_strides;
    Strides k_strides;
    Strides v_strides;
    Mask mask;
    float scale = 0;  ///< 0: 1 / sqrt(D)
    int threads = 1;
    base::Dtype dtype = base::Dtype::fp32;
    Bias bias = {};
    Precision precision = Precision::highest;
};

/// Throws Error{usage} naming the shapes of q and k (and v) when a size is negative or too large, D is 0, H is no multiple of G, a needed
/// pointer is null, a window is below -1 or given to MaskKind::none, the scale is not finite or threads < 1.
void validate(const Problem& problem);
/// The part of validate() that needs no data.
void validate_shape(const Shape& shape);
/// Throws Error{usage} when an output of `size` numbers is not B x N x H x E.
void require_output_size(const Shape& shape, std::size_t size);
/// Throws Error{usage} when log-sum-exps of `size` numbers are neither absent (0) nor B x H x N.
void require_lse_size(const Shape& shape, std::size_t size);
/// B x N x H x E.
std::int64_t output_size(const Shape& shape);
/// "2x8x32x64": B x H x rows x columns, as errors name shapes.
std::string shape_text(std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t columns);
/// The factor of the scores: problem.scale, or 1 / sqrt(D) where that is 0.
double effective_scale(const Problem& problem);
/// Queries of one head whose keys are all hidden, summed over the batch (each counts once per head): rows that are zeros by definition.
std::int64_t fully_hidden_rows(const Problem& problem);
/// Floating-point operations of the two products: 2 B H (D + E) times the pairs of query and key that causality and the window leave;
/// pairs that a boolean mask or key padding hides count as done.
double operations(const Problem& problem);

/// fp64 throughout, obviously right, slow. out: B x N x H x E contiguous; lse: B x H x N, natural log of the sum of exp over visible keys,
/// or empty; Error{usage} when a span has another size. A hidden key is left out whatever its numbers are; NaN or inf of a visible key
/// spread as in softmax.
void reference(const Problem& problem, std::span<double> out_BNHE, std::span<double> lse_BHN = {});
/// The same steps in the same order in plain fp32 (every product and every sum rounded, sums in order) with stored scores, no blocking: the
/// yardstick of the accuracy rule (DESIGN 7), e_ref. Inputs of 16 bits are exact in fp32; outputs are not rounded to their type. In the
/// precisions medium and high numbers are multiplied as split.h says: q and k, and the exponentials (divided by the sum of the rounded ones
/// at the end) and v. Any host can run it.
void plain(const Problem& problem, std::span<float> out_BNHE, std::span<float> lse_BHN = {});

/// Fused: online softmax, never stores the N x M scores. fp32 accumulation whatever the type. Writes numbers of problem.dtype with the
/// strides given, and, unless null, the B x H x N log-sum-exps in fp32. Bitwise reproducible for any number of threads on one instruction
/// set. Error against fp64 before the output is rounded to its type: at most twice that of plain() (accuracy.h). Chooses the instruction
/// set at run time (isa.h). Precision medium and high run on AMX alone (amx.h), elsewhere they throw Error{unsupported} with the reason.
void fused(const Problem& problem, void* out, const Strides& out_strides, float* lse_BHN = nullptr);

}  // namespace plumb::kernels::attention
