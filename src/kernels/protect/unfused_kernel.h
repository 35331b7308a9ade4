// SPDX-License-Identifier: Apache-2.0
// The arithmetic of attention that stores its scores: two products and a softmax, row by row, and the sums that checks compare. Compiled
// once per instruction set (unfused_kernel.cpp); who checks what, and where faults strike, is decided above it (unfused_head.h), so that
// there is no trace of either here.
//
// Legend: N queries, M keys, D head_dim, E value_dim, P E rounded up to whole vectors. Numbers are fp32, rows are dense unless a stride is
// given. Results depend on neither how rows nor how keys are grouped into calls, but for outputs(), whose blocks of keys are summed apart.
#pragma once
#include <cstdint>

#include "kernels/isa.h"

namespace plumb::kernels::protect {

/// Keys whose products are summed in registers before they are added to an output.
inline constexpr std::int64_t output_block_keys = 256;
/// fp32 additions before a partial sum of a check goes on in fp64.
inline constexpr std::int64_t check_chunk = 16;

struct UnfusedKernel {
    std::int64_t lanes;

    /// Transposed, in column strips as wide as the register block of the scores: round_up(M, lanes) x D numbers, those past M zero.
    void (*pack_keys)(const float* k_MD, std::int64_t keys, std::int64_t head_dim, float* packed);
    /// Where pack_keys() puts k[key][column], and where values packed by attention::TileKernel::pack_values() have v[key][column].
    std::int64_t (*key_place)(std::int64_t key, std::int64_t column, std::int64_t keys, std::int64_t head_dim);
    std::int64_t (*value_place)(std::int64_t key, std::int64_t column, std::int64_t keys, std::int64_t value_dim);

    /// score[n][m] = q_n k_m, D fused multiply-adds from zero, for `rows` rows of `stride` >= round_up(M, lanes) numbers.
    void (*scores)(const float* q_ND, std::int64_t rows, const float* packed_keys, std::int64_t keys, std::int64_t head_dim,
                   float* score_NM, std::int64_t stride);
    /// out[n] (+)= sum over `count` keys from `first` on of p[n][m] v_m; starts from zero for the first key.
    void (*outputs)(const float* p_NM, std::int64_t rows, std::int64_t stride, const float* packed_values, std::int64_t keys,
                    std::int64_t first, std::int64_t count, std::int64_t value_dim, float* out_NP);

    float (*maximum)(const float* numbers, std::int64_t count);
    /// e^(score - maximum), and their sum.
    float (*exponentials)(const float* scores, std::int64_t count, float maximum, float* p);
    /// The sum that exponentials() gives for these.
    float (*row_sum)(const float* p, std::int64_t count);
    void (*scale)(float* numbers, std::int64_t count, float factor);

    /// For checks: `check_chunk` additions (of a lane) in fp32, the rest in fp64.
    double (*sum)(const float* numbers, std::int64_t count);
    double (*dot)(const float* a, const float* b, std::int64_t count);
    double (*magnitude)(const float* numbers, std::int64_t count);  ///< sum of |number|
    float (*largest)(const float* numbers, std::int64_t count);     ///< |number|; NaN where one is not finite
    /// sums[c] += column sums of `rows` rows, or of their magnitudes.
    void (*add_rows)(const float* numbers, std::int64_t stride, std::int64_t rows, std::int64_t columns, double* sums);
    void (*add_magnitudes)(const float* numbers, std::int64_t stride, std::int64_t rows, std::int64_t columns, double* sums);
    /// All in fp64: dots[m] = w k_m, and the same with |k_m|; w q.
    void (*key_dots)(const float* packed_keys, std::int64_t keys, std::int64_t head_dim, const double* w_D, double* dots_M);
    void (*key_magnitude_dots)(const float* packed_keys, std::int64_t keys, std::int64_t head_dim, const double* w_D, double* dots_M);
    double (*wide_dot)(const float* q_D, const double* w_D, std::int64_t head_dim);
    double (*wide_magnitude_dot)(const float* q_D, const double* w_D, std::int64_t head_dim);
};

const UnfusedKernel& unfused_kernel(Isa isa);

}  // namespace plumb::kernels::protect
