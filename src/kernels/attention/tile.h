// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of the fused kernel (fused.cpp: heads, packing, threads) and its arithmetic (tile.cpp, compiled once per
// instruction set): one tile of queries of one head against all of its keys.
//
// Legend: T queries of a tile padded to whole vectors, J keys of a block, D head_dim, E value_dim.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/isa.h"

namespace plumb::kernels::attention {

/// One query tile and the keys and values of its head. Borrowed pointers. "Key j" is the j-th key that the driver left, in order.
struct Tile {
    base::Dtype dtype = base::Dtype::fp32;  ///< of q and out
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;

    const void* q = nullptr;  ///< first query of the tile
    std::int64_t q_row = 0;
    std::int64_t q_column = 1;
    std::int64_t queries = 0;  ///< 1 to tile_queries

    const float* k_MD = nullptr;  ///< columns are neighbours
    std::int64_t k_row = 0;
    const float* v_ME = nullptr;  ///< columns are neighbours; each row may be read up to E rounded up to whole vectors
    std::int64_t v_row = 0;
    std::int64_t keys = 0;
    bool values_finite = true;  ///< false where v may hold NaN or inf: 0 x NaN of a hidden key must not spread then

    float query_factor = 1;    ///< multiplied into q: the sign of the scale, or all of it where it leaves the range of exponent_scale
    float exponent_scale = 1;  ///< positive: probabilities are 2^(exponent_scale (score - maximum)), scores after the bias
    double natural_scale = 1;  ///< exponent_scale ln(2), not rounded

    const KeyRange* sees_T = nullptr;      ///< keys that each query sees by its place, both ends never decreasing; null: all keys
    const std::uint8_t* hidden = nullptr;  ///< boolean mask, row of the first query; null: none
    std::int64_t hidden_row = 0;           ///< distance of its rows

    const float* bias = nullptr;  ///< row of the first query; null: none
    std::int64_t bias_row = 0;
    std::int64_t bias_column = 0;
    const std::int64_t* key_index = nullptr;  ///< column of the bias that key j has; null: j
    float bias_scale = 1;                     ///< the score is bias_scale x (q k) + bias

    void* out = nullptr;  ///< row of the first query
    std::int64_t out_row = 0;
    std::int64_t out_column = 1;
    float* lse = nullptr;  ///< of the first query, neighbours; null: not wanted

    KeyRange sees(std::int64_t query) const { return sees_T == nullptr ? KeyRange{0, keys} : sees_T[query]; }
    bool is_hidden(std::int64_t query, std::int64_t key) const {
        return !sees(query).contains(key) || (hidden != nullptr && hidden[query * hidden_row + key] != 0);
    }
    bool may_hide() const { return sees_T != nullptr || hidden != nullptr; }
};

/// Working memory of one thread; every pointer aligned to 64 bytes.
struct TileScratch {
    float* wide_TD = nullptr;          ///< q widened to fp32
    float* query_DT = nullptr;         ///< q transposed: queries in lanes
    float* score_JT = nullptr;         ///< scores of one key block, then their probabilities
    float* bias_JT = nullptr;          ///< bias of one key block
    float* output_TE = nullptr;        ///< sum of probability x value so far, rows padded to whole vectors
    float* row_maximum_T = nullptr;    ///< largest visible score so far
    float* row_sum_T = nullptr;        ///< sum of probabilities so far
    float* block_maximum_T = nullptr;  ///< largest visible score of this block
    float* correction_T = nullptr;     ///< 2^(exponent_scale (old maximum - new maximum))
    float* normaliser_T = nullptr;     ///< 1 / row sum
    float* begin_T = nullptr;          ///< first visible key of each query, counted from the block's first
    float* end_T = nullptr;            ///< the one after the last
    std::uint8_t* hidden_JT = nullptr;
};

/// The arithmetic on one instruction set.
struct TileKernel {
    std::int64_t lanes;         ///< fp32 numbers of a vector
    std::int64_t tile_queries;  ///< most queries of a tile, a multiple of lanes
    std::int64_t key_block;     ///< most keys of a block
    /// softmax(scale q k^T + bias) v of one tile, written to out.
    void (*attend)(const Tile& tile, const TileScratch& scratch);
    /// No NaN and no inf among rows x columns numbers.
    bool (*all_finite)(const float* numbers, std::int64_t rows, std::int64_t row_stride, std::int64_t columns);
    /// Exact conversion to fp32 of `count` neighbours, and back with rounding (base/dtype.h).
    void (*widen)(base::Dtype dtype, const void* numbers, std::int64_t count, float* wide);
    void (*narrow)(base::Dtype dtype, const float* wide, std::int64_t count, void* numbers);
};

const TileKernel& tile_kernel(Isa isa);

}  // namespace plumb::kernels::attention
