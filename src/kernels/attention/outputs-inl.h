// SPDX-License-Identifier: Apache-2.0
// The outputs of rows: weighted sums of a block's values, the joining of two states, and what leaves the kernel. Included once per
// instruction set.
#if defined(PLUMB_ATTENTION_OUTPUTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_OUTPUTS_INL_H_
#undef PLUMB_ATTENTION_OUTPUTS_INL_H_
#else
#define PLUMB_ATTENTION_OUTPUTS_INL_H_
#endif

#include <cmath>
#include <numbers>

#include "kernels/attention/convert-inl.h"
#include "kernels/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

inline std::int64_t padded_values(const Tile& tile) {
    return (tile.value_dim + lanes - 1) / lanes * lanes;
}

/// O = alpha O + P V of the block; alpha is not asked for in the first one.
template <bool first_block>
HWY_INLINE void weigh_block(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const Floats d;
    const Tile& tile = *sub.tile;
    const std::int64_t columns = padded_values(tile);
    in_pieces<output_vectors>(columns / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t e = first_vector * lanes;
        const bool packed = tile.v_row == 0;
        const std::int64_t v_row = packed ? Vectors * lanes : tile.v_row;
        const float* values = static_cast<const float*>(tile.v) + (packed ? e * tile.packed_keys : e) + block.first * v_row;
        in_pieces<output_rows>(sub.rows, [&](auto rows, std::int64_t t) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> sum =
                multiply<Rows, Vectors>(scratch.score_JT + t, 1, sub.padded_rows, values, v_row, block.keys);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                float* kept = sub.state.output_TP + (t + r) * columns + e;
                const Vector correction = hn::Set(d, first_block ? 0.0F : scratch.correction_T[t + r]);
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    const Vector total = first_block ? sum.at[r][v] : hn::MulAdd(correction, hn::LoadU(d, kept + v * lanes), sum.at[r][v]);
                    hn::StoreU(total, d, kept + v * lanes);
                }
            }
        });
    });
}

/// weigh_block for values that may be NaN or inf: a hidden key adds nothing, where 0 x NaN would be NaN. Slow; same order of summation.
inline void weigh_visible(const SubTile& sub, const Block& block, bool first_block, const TileScratch& scratch) {
    const Tile& tile = *sub.tile;
    const std::int64_t columns = padded_values(tile);
    in_pieces<output_vectors>(columns / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(vectors)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        const bool packed = tile.v_row == 0;
        const std::int64_t v_row = packed ? width : tile.v_row;
        const float* values = static_cast<const float*>(tile.v) + (packed ? first * tile.packed_keys : first) + block.first * v_row;
        for (std::int64_t t = 0; t < sub.rows; ++t) {
            float* kept = sub.state.output_TP + t * columns + first;
            for (std::int64_t e = 0; e < width; ++e) {
                float sum = 0;
                for (std::int64_t j = 0; j < block.keys && first + e < tile.value_dim; ++j) {
                    if (tile.is_hidden(sub.first_row + t, block.first + j)) continue;
                    sum += scratch.score_JT[j * sub.padded_rows + t] * values[j * v_row + e];
                }
                kept[e] = first_block ? sum : scratch.correction_T[t] * kept[e] + sum;
            }
        }
    });
}

/// Maxima and sums of rows that have been through no key.
inline void start(std::int64_t padded_rows, const RowState& state) {
    std::fill(state.maximum_T, state.maximum_T + padded_rows, no_maximum);
    std::fill(state.sum_T, state.sum_T + padded_rows, 0.0F);
}

/// The first block of keys writes outputs; without one they must be zero.
inline void clear_outputs(std::int64_t rows, std::int64_t columns, const RowState& state) {
    std::fill(state.output_TP, state.output_TP + rows * columns, 0.0F);
}

inline void merge(const Tile& tile, const RowState& more, const RowState& state) {
    const Floats d;
    const std::int64_t columns = padded_values(tile);
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        const float maximum = std::max(state.maximum_T[t], more.maximum_T[t]);
        const float shrink = std::exp2(state.maximum_T[t] - maximum);
        const float shrink_more = std::exp2(more.maximum_T[t] - maximum);
        state.maximum_T[t] = maximum;
        state.sum_T[t] = shrink * state.sum_T[t] + shrink_more * more.sum_T[t];
        float* to = state.output_TP + t * columns;
        const float* from = more.output_TP + t * columns;
        for (std::int64_t e = 0; e < columns; e += lanes) {
            const Vector added = hn::Mul(hn::Set(d, shrink_more), hn::LoadU(d, from + e));
            hn::StoreU(hn::MulAdd(hn::Set(d, shrink), hn::LoadU(d, to + e), added), d, to + e);
        }
    }
}

/// Keys that the row sees.
inline std::int64_t visible_keys(const TileRow& row) {
    if (row.hidden == nullptr || row.sees.size() == 0) return row.sees.size();
    return std::count(row.hidden + row.sees.begin, row.hidden + row.sees.end, std::uint8_t{0});
}

inline void write_row(const Tile& tile, void* out, const float* row_E) {
    if (tile.out_column == 1) {
        narrow(tile.dtype, row_E, tile.value_dim, out);
    } else {
        for (std::int64_t e = 0; e < tile.value_dim; ++e) base::store(tile.dtype, out, e * tile.out_column, row_E[e]);
    }
}

/// 1 / sum; 0 for a row that sees no key. A sum of 0 can also mean that every visible score is -inf, whose softmax is 0 / 0.
inline float normaliser(const TileRow& row, float sum) {
    if (sum != 0) return 1.0F / sum;
    return visible_keys(row) == 0 ? 0.0F : std::numeric_limits<float>::quiet_NaN();
}

/// Row t of the state, normalised.
inline void normalise_row(const Tile& tile, const RowState& state, std::int64_t t, float factor, float* target) {
    const Floats d;
    const std::int64_t columns = padded_values(tile);
    const float* kept = state.output_TP + t * columns;
    for (std::int64_t e = 0; e < columns; e += lanes) hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, kept + e)), d, target + e);
}

inline void write_lse(const TileRow& row, const RowState& state, std::int64_t t, float factor) {
    if (row.lse == nullptr) return;
    // In fp64, because maximum and log may cancel. log(0) is -inf whatever stands for the maximum of a row without a visible key.
    const double sum = std::isnan(factor) ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(state.sum_T[t]);
    *row.lse = static_cast<float>(std::log(sum) + (sum == 0 ? 0.0 : std::numbers::ln2 * static_cast<double>(state.maximum_T[t])));
}

inline void finish(const Tile& tile, const RowState& state) {
    const std::int64_t columns = padded_values(tile);
    const bool in_place = tile.dtype == base::Dtype::fp32 && tile.out_column == 1 && columns == tile.value_dim;
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        const TileRow& row = tile.rows[t];
        const float factor = normaliser(row, state.sum_T[t]);
        float* kept = state.output_TP + t * columns;
        normalise_row(tile, state, t, factor, in_place ? static_cast<float*>(row.out) : kept);
        if (!in_place) write_row(tile, row.out, kept);
        write_lse(row, state, t, factor);
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
