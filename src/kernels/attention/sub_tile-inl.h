// SPDX-License-Identifier: Apache-2.0
// What a sub-tile needs before its first block of keys. Included once per instruction set.
#if defined(PLUMB_ATTENTION_SUB_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_SUB_TILE_INL_H_
#undef PLUMB_ATTENTION_SUB_TILE_INL_H_
#else
#define PLUMB_ATTENTION_SUB_TILE_INL_H_
#endif

#include <algorithm>

#include "kernels/attention/outputs-inl.h"
#include "kernels/attention/pack-inl.h"
#include "kernels/attention/scale-inl.h"
#include "kernels/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Brings the queries of the sub-tile into lanes, scaled as split_scale() says, and writes down how scores are to be read then.
inline void transpose_queries(SubTile& sub, const TileScratch& scratch) {
    const Tile& tile = *sub.tile;
    const float* queries[sub_rows];
    float largest = 0;
    for (std::int64_t t = 0; t < sub.rows; ++t) {
        queries[t] = static_cast<const float*>(sub.row(t).q);
        if (tile.dtype != base::Dtype::fp32 || tile.q_column != 1) {
            float* wide = scratch.wide_TD + t * tile.head_dim;
            widen_row(tile.dtype, sub.row(t).q, tile.q_column, tile.head_dim, wide);
            queries[t] = wide;
        }
        largest = std::max(largest, largest_magnitude(queries[t], tile.head_dim));
    }
    std::fill(queries + sub.rows, queries + sub.padded_rows, queries[sub.rows - 1]);
    const ScaleSplit split = split_scale(tile, sub.biased, largest);
    sub.bias_scale = split.bias_scale;
    sub.exponent_scale = split.exponent_scale;
    transpose_rows(queries, sub.padded_rows, tile.head_dim, Factor(split.query_factor), sub.query_DT);
}

/// Rows [first_row, …) of the tile with their queries in lanes.
inline SubTile make_sub_tile(const Tile& tile, std::int64_t first_row, const TileScratch& scratch, const RowState& state) {
    SubTile sub;
    sub.tile = &tile;
    sub.first_row = first_row;
    sub.rows = std::min(sub_rows, tile.row_count - first_row);
    sub.padded_rows = (sub.rows + lanes - 1) / lanes * lanes;
    sub.some = sub.all = tile.rows[first_row].sees;
    for (std::int64_t t = 1; t < sub.rows; ++t) {
        const KeyRange& sees = sub.row(t).sees;
        sub.some = {std::min(sub.some.begin, sees.begin), std::max(sub.some.end, sees.end)};
        sub.all = {std::max(sub.all.begin, sees.begin), std::min(sub.all.end, sees.end)};
    }
    sub.marked = sub.row(0).hidden != nullptr;
    sub.biased = sub.row(0).bias != nullptr;
    sub.query_DT = scratch.query_DT + first_row * tile.head_dim;
    sub.state = {state.output_TP + first_row * padded_values(tile), state.maximum_T + first_row, state.sum_T + first_row};

    transpose_queries(sub, scratch);
    start(sub.padded_rows, sub.state);
    return sub;
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
