// SPDX-License-Identifier: Apache-2.0
// The outputs of one tile: weighted sums of a block's values, and what leaves the tile. Included once per instruction set.
#if defined(PLUMB_ATTENTION_OUTPUTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_OUTPUTS_INL_H_
#undef PLUMB_ATTENTION_OUTPUTS_INL_H_
#else
#define PLUMB_ATTENTION_OUTPUTS_INL_H_
#endif

#include <cmath>

#include "kernels/attention/convert-inl.h"
#include "kernels/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Where a block's outputs go: kept for the next block, or normalised into `out`.
struct Destination {
    float* rows = nullptr;
    std::int64_t row = 0;
    bool first_block = false;
    bool normalise = false;
};

inline void weigh_block(const Tile& tile, const Block& block, std::int64_t padded_queries, std::int64_t padded_values,
                        const Destination& to, const TileScratch& scratch) {
    const Floats d;
    in_pieces<output_vectors>(padded_values / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t e = first_vector * lanes;
        in_pieces<output_rows>(tile.queries, [&](auto rows, std::int64_t t) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> sum = multiply<Rows, Vectors>(
                scratch.score_JT + t, 1, padded_queries, tile.v_ME + block.first * tile.v_row + e, tile.v_row, block.keys);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                const Vector correction = hn::Set(d, scratch.correction_T[t + r]);
                const Vector factor = hn::Set(d, to.normalise ? scratch.normaliser_T[t + r] : 1.0F);
                const float* kept = scratch.output_TE + (t + r) * padded_values + e;
                float* target = to.rows + (t + r) * to.row + e;
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    const Vector total =
                        to.first_block ? sum.at[r][v] : hn::MulAdd(correction, hn::LoadU(d, kept + v * lanes), sum.at[r][v]);
                    hn::StoreU(hn::Mul(factor, total), d, target + v * lanes);
                }
            }
        });
    });
}

/// weigh_block for values that may be NaN or inf: a hidden key adds nothing, where 0 x NaN would be NaN. Slow; same order of summation.
inline void weigh_visible(const Tile& tile, const Block& block, std::int64_t padded_queries, std::int64_t padded_values, bool first_block,
                          const TileScratch& scratch) {
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        float* kept = scratch.output_TE + t * padded_values;
        for (std::int64_t e = 0; e < tile.value_dim; ++e) {
            float sum = 0;
            for (std::int64_t j = 0; j < block.keys; ++j) {
                if (tile.is_hidden(t, block.first + j)) continue;
                sum += scratch.score_JT[j * padded_queries + t] * tile.v_ME[(block.first + j) * tile.v_row + e];
            }
            kept[e] = first_block ? sum : scratch.correction_T[t] * kept[e] + sum;
        }
        std::fill(kept + tile.value_dim, kept + padded_values, 0.0F);
    }
}

/// 1 / row sum; 0 for a row that saw no key.
inline void compute_normalisers(std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; t += lanes) {
        const Vector sum = hn::LoadU(d, scratch.row_sum_T + t);
        const Vector inverse = hn::Div(hn::Set(d, 1.0F), sum);
        hn::StoreU(hn::IfThenElse(hn::Eq(sum, hn::Zero(d)), hn::Zero(d), inverse), d, scratch.normaliser_T + t);
    }
}

inline void write_row(const Tile& tile, std::int64_t query, const float* row_E) {
    void* out = base::advance(tile.dtype, tile.out, query * tile.out_row);
    if (tile.out_column == 1) {
        narrow(tile.dtype, row_E, tile.value_dim, out);
    } else {
        for (std::int64_t e = 0; e < tile.value_dim; ++e) base::store(tile.dtype, out, e * tile.out_column, row_E[e]);
    }
}

/// Normalises in place and writes every row.
inline void write_outputs(const Tile& tile, std::int64_t padded_values, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        float* kept = scratch.output_TE + t * padded_values;
        const Vector factor = hn::Set(d, scratch.normaliser_T[t]);
        for (std::int64_t e = 0; e < padded_values; e += lanes) hn::StoreU(hn::Mul(factor, hn::LoadU(d, kept + e)), d, kept + e);
        write_row(tile, t, kept);
    }
}

/// Keys that query t of the tile sees.
inline std::int64_t visible_keys(const Tile& tile, std::int64_t t) {
    const KeyRange range = tile.sees(t);
    if (tile.hidden == nullptr) return range.size();
    const std::uint8_t* row = tile.hidden + t * tile.hidden_row;
    return range.size() == 0 ? 0 : std::count(row + range.begin, row + range.end, std::uint8_t{0});
}

/// A sum of 0 means that no key is visible, or that every visible score is -inf, whose softmax is 0 / 0.
inline void spread_undefined_rows(const Tile& tile, std::int64_t padded_values, const TileScratch& scratch) {
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        if (scratch.row_sum_T[t] != 0 || visible_keys(tile, t) == 0) continue;
        scratch.row_sum_T[t] = std::numeric_limits<float>::quiet_NaN();
        std::fill(scratch.output_TE, scratch.output_TE + padded_values, scratch.row_sum_T[t]);
        write_row(tile, t, scratch.output_TE);
    }
}

/// After spread_undefined_rows. In fp64, because maximum and log may cancel.
inline void write_log_sums(const Tile& tile, const TileScratch& scratch) {
    if (tile.lse == nullptr) return;
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        const double sum = scratch.row_sum_T[t];
        // log(0) of a row without a visible key is -inf whatever stands for its maximum.
        tile.lse[t] = static_cast<float>(std::log(sum) + (sum == 0 ? 0.0 : tile.natural_scale * scratch.row_maximum_T[t]));
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
