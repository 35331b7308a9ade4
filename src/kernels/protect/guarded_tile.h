// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of protected attention (protected_run.h: heads, threads, second runs) and its arithmetic (guarded_tile-inl.h,
// compiled once per instruction set): the steps of attention/tile.h with checks between them.
//
// What is checked, and against what (Huang and Abraham 1984 for the two products; the sums of the second run along with the online
// softmax):
//
//   scores        sum over some blocks' keys of S[j, t]   against q_t . (sum of those keys)
//   maxima        running maximum and correction          against a second copy, computed from the second copy
//   exponentials  bits of P, which are log2 P to 0.0861   against the argument, in sum or one by one; or a second computation
//   outputs       sum_e O[t, e] + beta l_t                against c_t = sum_j P[j, t] (sum_e V[j, e] + beta), carried like O; the same with
//                 the signs of column_sign(): finds what the plain sum misses
//   key count     keys gone through                       against the keys that the rows see
//   operands      q in lanes                              against the caller's q, brought into lanes again
//
// Checksums of keys and values are made from the caller's memory, so they guard the packed copies as well. Fault-free arithmetic is that of
// attention::fused(), bit by bit: checks read, and never write what outputs are made of.
//
// Legend as in attention/tile.h, and B blocks of `block_keys` keys counted from key 0 of the key head.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/attention/tile.h"
#include "kernels/protect/fault.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

/// Checksums of one key head. Borrowed memory.
struct HeadSums {
    float* key_sums_BD = nullptr;       ///< sum of the keys of each block
    float* key_magnitudes_D = nullptr;  ///< largest of the blocks' sums of |k|
    float key_bound = 0;                ///< largest |k|
    float* value_sums_M = nullptr;      ///< sum_e v + beta
    float* signed_sums_M = nullptr;     ///< sum_e column_sign(e) v
    float beta = 0;                     ///< lets a wrong row sum show in the check of the outputs
    float value_bound = 0;              ///< largest sum_e |v| + beta
    bool keys_finite = true;            ///< else no check of scores can hold
    bool values_finite = true;          ///< else no check of outputs can
};

/// The last step of the checksums of values [first, end), once the largest magnitude of all is known.
inline void add_beta(HeadSums& sums, std::int64_t first, std::int64_t end) {
    // Small beside the values, so that its rounding does not hide theirs; large enough that a row sum wrong by 2^-10 shows 2^5 times over.
    sums.beta = sums.value_bound > 0 ? sums.value_bound / 256 : 1.0F;
    sums.value_bound += sums.beta;
    for (std::int64_t j = first; j < end; ++j) sums.value_sums_M[j] += sums.beta;
}

/// + or -, as random as a hash can make it.
constexpr float column_sign(std::int64_t column) {
    return ((static_cast<std::uint64_t>(column) + 1) * 0x9E3779B97F4A7C15U >> 62) % 2 == 0 ? 1.0F : -1.0F;
}

/// What rows carry along besides attention::RowState.
struct GuardState {
    float* maximum_copy_T = nullptr;
    float* output_sum_T = nullptr;   ///< c
    float* signed_sum_T = nullptr;   ///< c with column_sign()
    float* carried_T = nullptr;      ///< sum over the blocks of what each added to the two, without its sign: how much was rounded
    float* magnitude_T = nullptr;    ///< sum_d |q| x key_magnitudes, scaled as q is: what score residuals are measured by
    float* score_bound_T = nullptr;  ///< sum_d |q| x key_bound: no |score| is larger
    std::int64_t* keys = nullptr;    ///< gone through, and expected: one pair for each sub-tile
};

/// Working memory of one thread.
struct GuardScratch {
    float* pending_sums_D = nullptr;  ///< sum of the keys whose scores wait to be compared, for each sub-tile
    float* score_sum_T = nullptr;     ///< sums of those scores, for every row of the tile
    float* own_sums_D = nullptr;      ///< key sums of a block that is not one of HeadSums' blocks
    float* own_magnitudes_D = nullptr;
    float* query_DT = nullptr;  ///< q of a sub-tile in lanes, once more
    float* key_JD = nullptr;    ///< encoding: a block of keys widened, or a row of values
    float* sign_P = nullptr;    ///< column_sign(), 0 beyond value_dim
};
/// Blocks whose score sums are compared together.
inline constexpr std::int64_t pending_blocks = 8;

/// Thresholds are these times a magnitude of the row's: thresholds.h.
struct ThresholdFactors {
    float scores = 0;        ///< x blocks x GuardState::magnitude_T
    float outputs = 0;       ///< x (what was carried, and the outputs themselves)
    float output_bound = 0;  ///< x l x HeadSums::value_bound, added
};

struct Finding {
    Alarm alarm = Alarm::scores;
    std::int64_t row = -1;  ///< of the tile; -1: not a row's
    std::int64_t first_key = -1;
    float residual = 0;
    float threshold = 0;
};

/// What the checks of one run of one tile found.
struct Findings {
    std::int64_t row_checks = 0;
    std::int64_t unchecked_rows = 0;  ///< operands that are not finite: no check can hold
    std::int64_t alarms = 0;          ///< sub-tiles and blocks, or rows, that alarm
    Finding first;
    float largest = 0;  ///< residual as a share of its threshold, of what was accepted

    void alarm(const Finding& finding) {
        if (alarms++ == 0) first = finding;
    }
};

struct Guard {
    Checks checks;
    ThresholdFactors factors;
    const HeadSums* sums = nullptr;
    GuardScratch scratch;
    GuardState state;
    Findings* findings = nullptr;
    float* row_sum_of_output = nullptr;  ///< of the tile's rows: sum of each row as stored; null: not wanted
    // For injection; what is timed does not look at them.
    const Fault* fault = nullptr;
    int run = 0;  ///< 0: the first; a transient fault strikes only in that one
    std::int64_t key_head = 0;
    std::int64_t first_row = 0;  ///< of the tile, of the key head
};

struct GuardedKernel {
    /// Sums of `keys` rows of `columns` numbers from the caller's memory (all, or those of `index`), as in TileKernel::pack_keys.
    void (*encode_keys)(base::Dtype dtype, const void* source, const attention::Strides& strides, const std::int64_t* index,
                        std::int64_t keys, std::int64_t columns, std::int64_t block_keys, const GuardScratch& scratch, HeadSums& sums);
    /// Sums without beta, and the largest magnitude as value_bound.
    void (*encode_values)(base::Dtype dtype, const void* source, const attention::Strides& strides, const std::int64_t* index,
                          std::int64_t keys, std::int64_t columns, const GuardScratch& scratch, HeadSums& sums);
    void (*accumulate)(const attention::Tile& tile, const attention::TileScratch& scratch, const attention::RowState& state,
                       const Guard& guard);
    void (*accumulate_few)(const attention::Tile& tile, const attention::TileScratch& scratch, const attention::RowState& state,
                           const Guard& guard);
    void (*merge)(const attention::Tile& tile, const attention::RowState& more, const GuardState& guard_more,
                  const attention::RowState& state, const Guard& guard);
    void (*finish)(const attention::Tile& tile, const attention::RowState& state, const Guard& guard);
    /// Where TileKernel::pack_values puts column `column` of row `row`.
    std::int64_t (*packed_value)(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column);
    /// What is handed on with a row of `count` numbers, `column` elements from one to the next: row_sum-inl.h.
    float (*sum_row)(base::Dtype dtype, const void* row, std::int64_t column, std::int64_t count);
};

const GuardedKernel& guarded_kernel(Isa isa);
/// The same compiled for injection (injected_tile.cpp).
const GuardedKernel& injected_kernel(Isa isa);

}  // namespace plumb::kernels::protect
