// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of the fused backward pass (backward.cpp: heads, packing, threads) and its arithmetic (backward_tile.cpp,
// compiled once per instruction set): one tile of queries against one block of keys.
//
// Legend: T queries of a tile, J keys of a block, D head_dim, E value_dim.
#pragma once
#include <cstdint>

#include "kernels/isa.h"

namespace plumb::kernels::attention {

/// A block of keys of one head, packed, and the gradients that it collects. Rows of k, dk and dv are padded to whole vectors, k with zeros.
struct KeyBlock {
    std::int64_t keys = 0;        ///< J
    const float* k_JD = nullptr;  ///< rows k_row apart
    const float* k_DJ = nullptr;  ///< transposed by BackwardKernel::transpose
    const float* v_EJ = nullptr;  ///< alike
    float* dk_JD = nullptr;       ///< rows k_row apart: sum of dS q, still without the scale
    float* dv_JE = nullptr;       ///< rows v_row apart
    std::int64_t k_row = 0;
    std::int64_t v_row = 0;
};

/// A tile of queries of one head, packed; rows padded to whole vectors with zeros.
struct QueryTile {
    std::int64_t queries = 0;        ///< T
    const float* q_TD = nullptr;     ///< rows k_row apart
    const float* dout_TE = nullptr;  ///< rows v_row apart
    const float* lse_T = nullptr;    ///< in units of the scores: P = 2^(exponent_scale (score - lse))
    const float* delta_T = nullptr;
    float* dq_TD = nullptr;  ///< rows dq_row apart: sum of dS k, still without the scale
    std::int64_t dq_row = 0;
};

/// Which pairs of a tile and a block are hidden.
struct HiddenPairs {
    bool any = false;                       ///< false: every query sees every key of the block, and the rest does not matter
    const std::int64_t* begin_T = nullptr;  ///< query t sees keys [begin_T[t], end_T[t]) of the block, 0 <= begin <= end <= J,
    const std::int64_t* end_T = nullptr;
    const std::uint8_t* marked = nullptr;  ///< and of these, where this is not null, those with marked[t * marked_row + j] = 0
    std::int64_t marked_row = 0;
    bool only_visible = false;  ///< q, k or dO may hold NaN or inf: 0 x NaN of a hidden pair must not spread
};

struct BackwardTile {
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;
    float score_factor = 1;  ///< a score is score_factor (q . k) + bias
    float exponent_scale = 1;
    KeyBlock block;
    QueryTile tile;
    HiddenPairs hidden;
    const float* bias_TJ = nullptr;   ///< added to the scores, rows score_row apart; null: none
    float* probability_TJ = nullptr;  ///< working memory, rows score_row apart, of whole vectors
    float* dscore_TJ = nullptr;       ///< the same
    std::int64_t score_row = 0;
};

/// The arithmetic on one instruction set.
struct BackwardKernel {
    std::int64_t tile_queries;  ///< most queries of a tile
    std::int64_t key_block;     ///< most keys of a block, a multiple of whole vectors
    std::int64_t key_unit;      ///< of a transposed block the first keys may be used alone, when they are a multiple of so many
    /// Rows transposed in panels of as many rows as the score product takes at once: `columns` x (rows rounded up to whole
    /// vectors) numbers.
    void (*transpose)(const float* source, std::int64_t row_stride, std::int64_t rows, std::int64_t columns, float* target);
    /// Adds the share of the tile and the block to dq, dk and dv.
    void (*accumulate)(const BackwardTile& work);
};

const BackwardKernel& backward_kernel(Isa isa);

}  // namespace plumb::kernels::attention
