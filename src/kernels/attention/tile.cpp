// SPDX-License-Identifier: Apache-2.0
// One query tile against all keys of its head, block by block of keys (online softmax: Milakov and Gimelshein, arXiv 1805.02867; order of
// the loops as in FlashAttention-2: Dao, arXiv 2307.08691):
//
//   scores          S[j, t] = sum_d K[j, d] Q^T[d, t]          in registers, then score_JT; maxima taken on the way out
//   bias            S = scale S + bias                         score_JT in place, only where there is one
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

#include "kernels/attention/convert-inl.h"
#include "kernels/attention/outputs-inl.h"
#include "kernels/attention/product-inl.h"
#include "kernels/attention/scores-inl.h"
#include "kernels/attention/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

inline constexpr std::int64_t most_tile_queries = 48;
inline constexpr std::int64_t most_block_keys = 128;

/// Queries in lanes, widened and in order of head_dim.
void bring_in_queries(const Tile& tile, std::int64_t padded_queries, const TileScratch& scratch) {
    if (tile.dtype == base::Dtype::fp32) {
        transpose_rows(static_cast<const float*>(tile.q), tile.q_row, tile.q_column, tile.queries, padded_queries, tile.head_dim,
                       tile.query_factor, scratch.query_DT);
        return;
    }
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        float* wide = scratch.wide_TD + t * tile.head_dim;
        const void* row = base::advance(tile.dtype, tile.q, t * tile.q_row);
        if (tile.q_column == 1) {
            widen(tile.dtype, row, tile.head_dim, wide);
        } else {
            for (std::int64_t c = 0; c < tile.head_dim; ++c) wide[c] = base::load(tile.dtype, row, c * tile.q_column);
        }
    }
    transpose_rows(scratch.wide_TD, tile.head_dim, 1, tile.queries, padded_queries, tile.head_dim, tile.query_factor, scratch.query_DT);
}

void attend(const Tile& tile, const TileScratch& scratch) {
    const std::int64_t padded_queries = (tile.queries + lanes - 1) / lanes * lanes;
    const std::int64_t padded_values = (tile.value_dim + lanes - 1) / lanes * lanes;
    const Exponential exponential(tile.exponent_scale);

    bring_in_queries(tile, padded_queries, scratch);
    std::fill(scratch.row_maximum_T, scratch.row_maximum_T + padded_queries, no_maximum);
    std::fill(scratch.row_sum_T, scratch.row_sum_T + padded_queries, 0.0F);

    // The first query begins first, the last one ends last: keys outside are hidden from the whole tile.
    const KeyRange keys{tile.sees(0).begin, tile.sees(tile.queries - 1).end};
    const bool whole_rows =
        tile.dtype == base::Dtype::fp32 && tile.out_column == 1 && padded_values == tile.value_dim && tile.values_finite;
    bool first_block = true;
    bool written = false;
    for (Block block{keys.begin, 0}; block.first < keys.end; block.first += most_block_keys) {
        block.keys = std::min(most_block_keys, keys.end - block.first);
        if (hidden_everywhere(tile, block)) continue;

        score_block(tile, block, padded_queries, scratch);
        if (tile.bias != nullptr) add_bias(tile, block, padded_queries, scratch);
        hide_block(tile, block, padded_queries, scratch);
        in_pieces<score_vectors>(padded_queries / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
            exponentiate<decltype(vectors)::value>(exponential, scratch, padded_queries, block.keys, first_vector * lanes);
        });

        const bool last_block = block.end() == keys.end;
        if (last_block) compute_normalisers(padded_queries, scratch);
        written = last_block && whole_rows;
        if (tile.values_finite) {
            const Destination kept{scratch.output_TE, padded_values, first_block, false};
            const Destination out{static_cast<float*>(tile.out), tile.out_row, first_block, true};
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
    spread_undefined_rows(tile, padded_values, scratch);
    write_log_sums(tile, scratch);
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

inline constexpr TileKernel kernel = {lanes, most_tile_queries, most_block_keys, attend, all_finite, widen, narrow};

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
