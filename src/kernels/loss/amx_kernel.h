// SPDX-License-Identifier: Apache-2.0
// The seam between the fused loss in the precisions medium and high (amx.cpp) and its arithmetic (amx_blocks.cpp), which is compiled for
// AVX-512 and AMX. That file includes nothing whose inline functions it would emit: the linker may keep any file's copy of those, and other
// hosts must be able to run it.
//
// A number is `parts` bf16 (kernels/attention/split.h): 1 for precision medium, 2 for high. A tile is 1 KB: 16 rows of 32 bf16. Its roles
// are those of kernels/attention/amx_products.h: left operands as units of 16 rows and steps of 32 numbers, right operands as steps of 2 x
// `parts` tiles whose rows are pairs.
//
// Legend: V vocabulary, E features, both rounded up to whole steps; 32 rows of H in a panel.
#pragma once
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::loss {

inline constexpr std::int64_t amx_panel_rows = 32;
inline constexpr std::int64_t amx_tile_bytes = 1024;
/// Most vocabulary entries that multiply_gradient takes at once.
inline constexpr std::int64_t amx_gradient_entries = 64;

struct AmxLossKernel {
    /// logits[v][row] from the entries' left operand and the panel's right one.
    void (*multiply_logits)(const std::byte* weight_rows, const std::byte* hidden, std::int64_t entries, std::int64_t feature_steps,
                            int parts, float* logits);
    /// The largest of `count` logits of each of 32 rows; NaN may be passed over.
    void (*find_maxima)(const float* logits, std::int64_t count, float* maximum);
    /// e^(logit - reference), rounded, as a right operand; `sums`: of the rounded ones, one a row. `entries` is a multiple of 32.
    void (*exponentiate)(const float* logits, std::int64_t entries, const float* reference, int parts, std::byte* exponentials,
                         float* sums);
    /// The same exponentials as a left operand: units of 16 entries, one step of 32 rows.
    void (*keep)(const std::byte* exponentials, std::int64_t entries, int parts, std::byte* kept);
    /// sums[e][row] += sum over the entries, from the left operand that has features as rows.
    void (*multiply_sums)(const std::byte* weight_columns, const std::byte* exponentials, std::int64_t entries, std::int64_t feature_units,
                          int parts, float* sums);
    /// products[v][column] of 32 columns: kept exponentials of `panels` panels, `panel_stride` bytes apart, by a strip of scaled H.
    void (*multiply_gradient)(const std::byte* kept, std::ptrdiff_t panel_stride, const std::byte* strip, std::int64_t panels,
                              std::int64_t entries, int parts, float* products);
    /// `rows` (a multiple of 32) rows of 32 numbers become steps of a right operand.
    void (*pack_strip)(const float* wide_RC, std::int64_t rows, int parts, std::byte* strip);
};

/// Null where the program was built by a compiler or for a processor without AMX.
const AmxLossKernel* amx_loss_kernel();

}  // namespace plumb::kernels::loss
