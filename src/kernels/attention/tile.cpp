// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the fused kernel: rows of queries against their keys, block by block of keys (online softmax: Milakov and Gimelshein,
// arXiv 1805.02867; order of the loops as in FlashAttention-2: Dao, arXiv 2307.08691). For each block of keys, for each sub-tile of rows:
//
//   scores          S[j, t] = sum_d K[j, d] Q^T[d, t]          in registers, then score_JT; maxima taken on the way out
//   bias            S = scale S + bias                         score_JT in place, only where there is one
//   hide            masked scores become -inf                  only in blocks that a mask touches; blocks without a visible key are skipped
//   probabilities   P = 2^(c (S - m)),  l = alpha l + sum P    score_JT in place
//   outputs         O = alpha O + sum_j P[j, t] V[j, e]        block sums start from zero in registers, then the state's output_TP
//
// A tile holds several sub-tiles so that a block of keys and values comes from far memory once for all of them; a sub-tile is so small that
// its scores stay in the nearest cache.
// Rounding: a score is D fused multiply-adds of a q that is rounded once more where it carries the scale, a block's output `keys of the
// block`, and one more for each block; nothing depends on how many tiles or threads run.
#include "kernels/attention/tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/attention/convert-inl.h"
#include "kernels/attention/few-inl.h"
#include "kernels/attention/outputs-inl.h"
#include "kernels/attention/pack-inl.h"
#include "kernels/attention/scores-inl.h"
#include "kernels/attention/softmax-inl.h"
#include "kernels/attention/sub_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Goes through one block of keys.
HWY_NOINLINE void absorb(const SubTile& sub, const Block& block, bool first_block, const TileScratch& scratch) {
    score_block(sub, block, scratch);
    if (sub.biased) add_bias(sub, block, scratch);
    hide_block(sub, block, scratch);
    if (sub.exponent_scale == 1) {
        exponentiate_block(Exponential<false>(1), sub, block.keys, scratch);
    } else {
        exponentiate_block(Exponential<true>(sub.exponent_scale), sub, block.keys, scratch);
    }
    if (!sub.tile->values_finite) {
        weigh_visible(sub, block, first_block, scratch);
    } else if (first_block) {
        weigh_block<true>(sub, block, scratch);
    } else {
        weigh_block<false>(sub, block, scratch);
    }
}

void accumulate(const Tile& tile, const TileScratch& scratch, const RowState& state) {
    constexpr std::int64_t most_subs = tile_rows / sub_rows;
    SubTile subs[most_subs];
    bool started[most_subs] = {};
    const std::int64_t count = (tile.row_count + sub_rows - 1) / sub_rows;
    for (std::int64_t i = 0; i < count; ++i) subs[i] = make_sub_tile(tile, i * sub_rows, scratch, state);
    for (std::int64_t first = tile.keys.begin; first < tile.keys.end; first += block_keys) {
        const std::int64_t end = std::min(first + block_keys, tile.keys.end);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t from = std::max(first, subs[i].some.begin);
            const Block block{from, std::min(end, subs[i].some.end) - from};
            if (block.keys <= 0 || hidden_everywhere(subs[i], block)) continue;
            absorb(subs[i], block, !started[i], scratch);
            started[i] = true;
        }
    }
    for (std::int64_t i = 0; i < count; ++i) {
        if (!started[i]) clear_outputs(subs[i].rows, padded_values(tile), subs[i].state);
        finish_maxima(subs[i].rows, subs[i].exponent_scale, subs[i].state);
    }
}

inline constexpr TileKernel kernel = {.lanes = lanes,
                                      .sub_rows = sub_rows,
                                      .tile_rows = tile_rows,
                                      .block_keys = block_keys,
                                      .few_rows = most_few_rows,
                                      .accumulate = accumulate,
                                      .accumulate_few = accumulate_few,
                                      .merge = merge,
                                      .finish = finish,
                                      .pack_keys = pack_keys,
                                      .pack_values = pack_values,
                                      .all_finite = all_finite,
                                      .widen = widen,
                                      .narrow = narrow};

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::attention {

const TileKernel& tile_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernel);
}

}  // namespace plumb::kernels::attention
#endif
