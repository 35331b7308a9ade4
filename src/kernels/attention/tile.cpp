// SPDX-License-Identifier: Apache-2.0
// One query tile against all keys of its head, block by block of keys (online softmax: Milakov and Gimelshein, arXiv 1805.02867; order of
// the loops as in FlashAttention-2: Dao, arXiv 2307.08691):
//
//   scores          S[j, t] = sum_d K[j, d] Q^T[d, t]          in registers, then score_JT; maxima taken on the way out
//   hide            masked scores become -inf                  only in blocks that a mask touches; blocks without a visible key are skipped
//   probabilities   P = 2^(c (S - m)),  l = alpha l + sum P    score_JT in place
//   outputs         O = alpha O + sum_j P[j, t] V[j, e]        block sums start from zero in registers, then output_TE, or out after the
//   last block
//
// Rounding: a score is D fused multiply-adds, a block's output `keys of the block`, and one more for each block; nothing depends on how
// many tiles or threads run.
#include "kernels/attention/tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/attention/product-inl.h"
#include "kernels/attention/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

inline constexpr std::int64_t most_tile_queries = 48;
inline constexpr std::int64_t most_block_keys = 128;

/// A block of keys as the steps below see it.
struct Block {
    std::int64_t first = 0;  ///< key
    std::int64_t keys = 0;
};

/// Writes the scores of the block and their maxima per query.
void score_block(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; t += lanes) hn::StoreU(hn::Set(d, hidden_score), d, scratch.block_maximum_T + t);
    in_pieces<score_vectors>(padded_queries / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t t = first_vector * lanes;
        in_pieces<score_rows>(block.keys, [&](auto rows, std::int64_t j) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> score = multiply<Rows, Vectors>(tile.k_MD + (block.first + j) * tile.k_row, tile.k_row, 1,
                                                                              scratch.query_DT + t, padded_queries, tile.head_dim);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const std::int64_t at = t + v * lanes;
                Vector maximum = hn::LoadU(d, scratch.block_maximum_T + at);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r) {
                    hn::StoreU(score.at[r][v], d, scratch.score_JT + (j + r) * padded_queries + at);
                    maximum = hn::Max(maximum, score.at[r][v]);
                }
                hn::StoreU(maximum, d, scratch.block_maximum_T + at);
            }
        });
    });
}

/// Applies the mask to the scores of a block that it touches.
void hide_block(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    if (tile.mask == MaskKind::causal && tile.first_query_sees < block.first + block.keys) {
        hide_causal(scratch, padded_queries, block.keys, tile.first_query_sees - block.first);
    }
    if (tile.mask == MaskKind::boolean) {
        transpose_hidden(tile.hidden + block.first, tile.hidden_row, tile.queries, padded_queries, block.keys, scratch.hidden_JT);
        hide_marked(scratch, padded_queries, block.keys);
    }
}

/// Where a block's outputs go: kept for the next block, or normalised into `out`.
struct Destination {
    float* rows = nullptr;
    std::int64_t row = 0;
    bool first_block = false;
    bool normalise = false;
};

void weigh_block(const Tile& tile, const Block& block, std::int64_t padded_queries, std::int64_t padded_values, const Destination& to,
                 const TileScratch& scratch) {
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
void weigh_visible(const Tile& tile, const Block& block, std::int64_t padded_queries, std::int64_t padded_values, bool first_block,
                   const TileScratch& scratch) {
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        float* kept = scratch.output_TE + t * padded_values;
        for (std::int64_t e = 0; e < tile.value_dim; ++e) {
            float sum = 0;
            for (std::int64_t j = 0; j < block.keys; ++j) {
                const bool hidden = tile.mask == MaskKind::causal    ? block.first + j >= tile.first_query_sees + t
                                    : tile.mask == MaskKind::boolean ? tile.hidden[t * tile.hidden_row + block.first + j] != 0
                                                                     : false;
                if (!hidden) sum += scratch.score_JT[j * padded_queries + t] * tile.v_ME[(block.first + j) * tile.v_row + e];
            }
            kept[e] = first_block ? sum : scratch.correction_T[t] * kept[e] + sum;
        }
        std::fill(kept + tile.value_dim, kept + padded_values, 0.0F);
    }
}

/// 1 / row sum; 0 for a row that saw no key.
void compute_normalisers(std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; t += lanes) {
        const Vector sum = hn::LoadU(d, scratch.row_sum_T + t);
        const Vector inverse = hn::Div(hn::Set(d, 1.0F), sum);
        hn::StoreU(hn::IfThenElse(hn::Eq(sum, hn::Zero(d)), hn::Zero(d), inverse), d, scratch.normaliser_T + t);
    }
}

void write_outputs(const Tile& tile, std::int64_t padded_values, const TileScratch& scratch) {
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        const float* kept = scratch.output_TE + t * padded_values;
        float* out = tile.out + t * tile.out_row;
        for (std::int64_t e = 0; e < tile.value_dim; ++e) out[e * tile.out_column] = scratch.normaliser_T[t] * kept[e];
    }
}

/// Keys that query t of the tile sees, of all keys of the head.
std::int64_t visible_keys(const Tile& tile, std::int64_t t) {
    if (tile.mask == MaskKind::causal) return std::clamp<std::int64_t>(tile.first_query_sees + t, 0, tile.keys);
    if (tile.mask == MaskKind::boolean) {
        const std::uint8_t* row = tile.hidden + t * tile.hidden_row;
        return std::count(row, row + tile.keys, std::uint8_t{0});
    }
    return tile.keys;
}

/// A sum of 0 means that no key is visible, or that every visible score is -inf, whose softmax is 0 / 0.
void spread_undefined_rows(const Tile& tile, const TileScratch& scratch) {
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        if (scratch.row_sum_T[t] != 0 || visible_keys(tile, t) == 0) continue;
        float* out = tile.out + t * tile.out_row;
        for (std::int64_t e = 0; e < tile.value_dim; ++e) out[e * tile.out_column] = std::numeric_limits<float>::quiet_NaN();
    }
}

/// No query of the tile sees a key of the block.
bool hidden_everywhere(const Tile& tile, const Block& block) {
    if (tile.mask != MaskKind::boolean) return false;
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        if (std::memchr(tile.hidden + t * tile.hidden_row + block.first, 0, static_cast<std::size_t>(block.keys)) != nullptr) return false;
    }
    return true;
}

void attend(const Tile& tile, const TileScratch& scratch) {
    const std::int64_t padded_queries = (tile.queries + lanes - 1) / lanes * lanes;
    const std::int64_t padded_values = (tile.value_dim + lanes - 1) / lanes * lanes;
    const Exponential exponential(tile.exponent_scale);

    transpose_rows(tile.q, tile.q_row, tile.q_column, tile.queries, padded_queries, tile.head_dim, tile.query_factor, scratch.query_DT);
    std::fill(scratch.row_maximum_T, scratch.row_maximum_T + padded_queries, no_maximum);
    std::fill(scratch.row_sum_T, scratch.row_sum_T + padded_queries, 0.0F);

    // Keys beyond those that the last query sees are hidden from the whole tile.
    const std::int64_t keys = visible_keys(tile, tile.queries - 1) < tile.keys && tile.mask == MaskKind::causal
                                  ? visible_keys(tile, tile.queries - 1)
                                  : tile.keys;
    const bool whole_rows = tile.out_column == 1 && padded_values == tile.value_dim && tile.values_finite;
    bool first_block = true;
    bool written = false;
    for (Block block; block.first < keys; block.first += most_block_keys) {
        block.keys = std::min(most_block_keys, keys - block.first);
        if (hidden_everywhere(tile, block)) continue;

        score_block(tile, block, padded_queries, scratch);
        hide_block(tile, block, padded_queries, scratch);
        in_pieces<score_vectors>(padded_queries / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
            exponentiate<decltype(vectors)::value>(exponential, scratch, padded_queries, block.keys, first_vector * lanes);
        });

        const bool last_block = block.first + block.keys == keys;
        if (last_block) compute_normalisers(padded_queries, scratch);
        written = last_block && whole_rows;
        if (tile.values_finite) {
            const Destination kept{scratch.output_TE, padded_values, first_block, false};
            const Destination out{tile.out, tile.out_row, first_block, true};
            weigh_block(tile, block, padded_queries, padded_values, written ? out : kept, scratch);
        } else {
            weigh_visible(tile, block, padded_queries, padded_values, first_block, scratch);
        }
        first_block = false;
    }
    if (!written) {
        if (first_block) std::fill(scratch.output_TE, scratch.output_TE + tile.queries * padded_values, 0.0F);
        compute_normalisers(padded_queries, scratch);
        write_outputs(tile, padded_values, scratch);
    }
    spread_undefined_rows(tile, scratch);
}

bool all_finite(const float* numbers, std::int64_t rows, std::int64_t row_stride, std::int64_t columns) {
    const Floats d;
    Vector products = hn::Zero(d);  // 0 x NaN and 0 x inf are NaN, and NaN stays
    bool tails = true;
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* row = numbers + r * row_stride;
        std::int64_t c = 0;
        for (; c + lanes <= columns; c += lanes) products = hn::MulAdd(hn::LoadU(d, row + c), hn::Zero(d), products);
        for (; c < columns; ++c) tails = tails && row[c] * 0.0F == 0.0F;
    }
    return tails && hn::AllTrue(d, hn::Eq(products, hn::Zero(d)));
}

inline constexpr TileKernel kernel = {lanes, most_tile_queries, most_block_keys, attend, all_finite};

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::attention {

const TileKernel& tile_kernel(Isa isa) {
    switch (isa) {
#if HWY_TARGETS & HWY_AVX3
        case Isa::amx:
        case Isa::avx512:
            return N_AVX3::kernel;
#endif
#if HWY_TARGETS & HWY_AVX2
        case Isa::avx2:
            return N_AVX2::kernel;
#endif
        default:
            return N_SCALAR::kernel;
    }
}

}  // namespace plumb::kernels::attention
#endif
