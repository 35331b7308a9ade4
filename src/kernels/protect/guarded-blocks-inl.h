// SPDX-License-Identifier: Apache-2.0
// Rows through their blocks of keys with checks between the steps: the score check, and the order of everything. Included once per
// instruction set.
#if defined(PLUMB_PROTECT_GUARDED_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_GUARDED_BLOCKS_INL_H_
#undef PLUMB_PROTECT_GUARDED_BLOCKS_INL_H_
#else
#define PLUMB_PROTECT_GUARDED_BLOCKS_INL_H_
#endif

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention/sub_tile-inl.h"
#include "kernels/protect/guarded-softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

using attention::RowState;
using attention::Tile;
using attention::TileScratch;

/// A sub-tile under guard.
struct GuardedSub {
    SubTile sub;
    GuardState state;
    float* pending_sums_D = nullptr;
    float* score_sum_T = nullptr;
    std::int64_t pending = 0;  ///< blocks
    Block first_pending;
    bool scores_checked = false;
};

/// q times some numbers of head_dim, of all rows; absolute values of q where `absolute`. `number_at(c)`: the c-th number.
template <bool absolute, class NumberAt>
void multiply_queries(const SubTile& sub, std::int64_t head_dim, const NumberAt& number_at, float* products_T) {
    const Floats d;
    constexpr int side_by_side = 6;
    arithmetic::in_pieces<side_by_side>(sub.padded_rows / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t t = first_vector * lanes;
        Vector sum[Vectors];
        for (int v = 0; v < Vectors; ++v) sum[v] = hn::Zero(d);
        for (std::int64_t c = 0; c < head_dim; ++c) {
            const Vector number = hn::Set(d, number_at(c));
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) {
                const Vector q = hn::LoadU(d, sub.query_DT + c * sub.padded_rows + t + v * lanes);
                sum[v] = hn::MulAdd(absolute ? hn::Abs(q) : q, number, sum[v]);
            }
        }
        for (int v = 0; v < Vectors; ++v) hn::StoreU(sum[v], d, products_T + t + v * lanes);
    });
}

/// sum_d |q| x magnitude: what residuals of scores are measured by. NaN where it is not finite: the row cannot be checked.
inline void measure_rows(const GuardedSub& guarded, const Guard& guard) {
    float* magnitude_T = guarded.state.magnitude_T;
    const HeadSums& sums = *guard.sums;
    const std::int64_t head_dim = guarded.sub.tile->head_dim;
    multiply_queries<true>(
        guarded.sub, head_dim, [&](std::int64_t c) { return sums.key_magnitudes_D[c]; }, magnitude_T);
    if (guard.checks.exponentials == ExponentialCheck::sum)
        multiply_queries<true>(
            guarded.sub, head_dim, [&](std::int64_t) { return sums.key_bound; }, guarded.state.score_bound_T);
    for (std::int64_t t = 0; t < guarded.sub.padded_rows; ++t) {
        magnitude_T[t] += 0 * magnitude_T[t];
        if (!guard.sums->keys_finite) magnitude_T[t] = std::numeric_limits<float>::quiet_NaN();
    }
}

/// The head's key sums of a block; null where the block is not one of theirs.
inline const float* sums_of_block(const Tile& tile, const Block& block, const Guard& guard) {
    using arithmetic::block_keys;
    const std::int64_t index = block.first / block_keys;
    const std::int64_t end = std::min((index + 1) * block_keys, tile.packed_keys);
    const bool whole = block.first == index * block_keys && block.end() == end;
    return whole ? guard.sums->key_sums_BD + index * tile.head_dim : nullptr;
}

/// Adds the keys of a block to those whose scores will be compared: from the head's checksums, or, where the block is not one of theirs,
/// from its keys as they are now (which guards the product, not the keys).
inline void add_pending(GuardedSub& guarded, const Block& block, const Guard& guard) {
    const Floats d;
    const Tile& tile = *guarded.sub.tile;
    const float* sums = sums_of_block(tile, block, guard);
    if (sums == nullptr) {
        const float* keys = static_cast<const float*>(tile.k_MD) + block.first * tile.k_row;
        sum_rows(keys, tile.k_row, block.keys, tile.head_dim, guard.scratch.own_sums_D, guard.scratch.own_magnitudes_D);
        sums = guard.scratch.own_sums_D;
    }
    if (guarded.pending++ == 0) {
        guarded.first_pending = block;
        std::copy_n(sums, tile.head_dim, guarded.pending_sums_D);
        std::fill(guarded.score_sum_T, guarded.score_sum_T + guarded.sub.padded_rows, 0.0F);
        return;
    }
    std::int64_t c = 0;
    for (; c + lanes <= tile.head_dim; c += lanes)
        hn::StoreU(hn::Add(hn::LoadU(d, guarded.pending_sums_D + c), hn::LoadU(d, sums + c)), d, guarded.pending_sums_D + c);
    for (; c < tile.head_dim; ++c) guarded.pending_sums_D[c] += sums[c];
}

/// Compares the sums of the scores since the last time with what q times the sums of their keys is.
inline void compare_scores(GuardedSub& guarded, const Guard& guard) {
    const Floats d;
    const SubTile& sub = guarded.sub;
    if (guarded.pending == 0) return;
    float expected_T[arithmetic::sub_rows];
    multiply_queries<false>(
        sub, sub.tile->head_dim, [&](std::int64_t c) { return guarded.pending_sums_D[c]; }, expected_T);
    const Vector factor = hn::Set(d, guard.factors.scores * static_cast<float>(guarded.pending));
    Vector largest = hn::Zero(d);
    for (std::int64_t t = 0; t < sub.padded_rows; t += lanes) {
        const Vector magnitude = hn::LoadU(d, guarded.state.magnitude_T + t);
        // The smallest number: products below the normal range lose up to half of it each.
        const Vector threshold = hn::MulAdd(magnitude, factor, hn::Set(d, 0x1p-126F));
        const Vector residual = hn::Abs(hn::Sub(hn::LoadU(d, guarded.score_sum_T + t), hn::LoadU(d, expected_T + t)));
        const auto fits = hn::Le(residual, threshold);
        raise(guard, Alarm::scores, sub, guarded.first_pending, t, hn::AndNot(fits, hn::Eq(magnitude, magnitude)), residual, threshold);
        largest = hn::Max(hn::IfThenElseZero(fits, hn::Div(residual, threshold)), largest);
    }
    guard.findings->largest = std::max(guard.findings->largest, hn::GetLane(hn::MaxOfLanes(d, largest)));
    guard.findings->row_checks += sub.rows;
    guarded.pending = 0;
}

inline void sum_scores(const GuardedSub& guarded, std::int64_t keys, const TileScratch& scratch) {
    const Floats d;
    const std::int64_t padded_rows = guarded.sub.padded_rows;
    for (std::int64_t t = 0; t < padded_rows; t += lanes) {
        Vector sum = hn::Zero(d);
        for (std::int64_t j = 0; j < keys; ++j) sum = hn::Add(sum, hn::LoadU(d, scratch.score_JT + j * padded_rows + t));
        hn::StoreU(hn::Add(hn::LoadU(d, guarded.score_sum_T + t), sum), d, guarded.score_sum_T + t);
    }
}

/// Goes through one block of keys.
template <class Faults>
void absorb(GuardedSub& guarded, const Block& block, bool first_block, const TileScratch& scratch, const Guard& guard, Faults& faults) {
    const SubTile& sub = guarded.sub;
    const bool cut = sub.all.begin > block.first || sub.all.end < block.end();
    // The product's own scores: nothing is added to them or hidden, and they count powers of two.
    const bool on_the_way = !sub.biased && !cut && !sub.marked && sub.exponent_scale == 1;
    if (guarded.scores_checked) add_pending(guarded, block, guard);
    if constexpr (Faults::present) faults.before_scores(sub, block);
    arithmetic::score_block(sub, block, scratch);
    if constexpr (Faults::present) faults.after_scores(sub, block, scratch);
    if (guarded.scores_checked && !on_the_way) sum_scores(guarded, block.keys, scratch);
    if (sub.biased) arithmetic::add_bias(sub, block, scratch);
    arithmetic::hide_block(sub, block, scratch);
    exponentiate_block(sub, block, guarded.scores_checked && on_the_way, scratch, guarded.state, guard, faults);
    if (guarded.pending == pending_blocks) compare_scores(guarded, guard);
    if constexpr (Faults::present) faults.after_softmax(sub, block, scratch, guarded.state);
    if (!sub.tile->values_finite) {
        arithmetic::weigh_visible(sub, block, first_block, scratch);
    } else if (first_block) {
        arithmetic::weigh_block<true>(sub, block, scratch);
    } else {
        arithmetic::weigh_block<false>(sub, block, scratch);
    }
    if constexpr (Faults::present) faults.after_outputs(sub, block);
}

/// The caller's q once more in lanes: what the kernel has held all the while must have the same bits.
inline void check_queries(const GuardedSub& guarded, const TileScratch& scratch, const Guard& guard) {
    SubTile again = guarded.sub;
    again.query_DT = guard.scratch.query_DT;
    const Tile& tile = *again.tile;
    arithmetic::transpose_queries(again, scratch);
    const std::size_t row_bytes = static_cast<std::size_t>(again.padded_rows) * sizeof(float);
    if (std::memcmp(again.query_DT, guarded.sub.query_DT, row_bytes * static_cast<std::size_t>(tile.head_dim)) == 0) return;
    guard.findings->alarm({.alarm = Alarm::operands, .row = again.first_row});
}

inline GuardState part_of(const GuardState& state, std::int64_t first_row, std::int64_t sub_index) {
    return {state.maximum_copy_T + first_row, state.output_sum_T + first_row,  state.signed_sum_T + first_row, state.carried_T + first_row,
            state.magnitude_T + first_row,    state.score_bound_T + first_row, state.keys + 2 * sub_index};
}

inline void start_guard(std::int64_t rows, const GuardState& state) {
    std::fill(state.maximum_copy_T, state.maximum_copy_T + rows, arithmetic::no_maximum);
    std::fill(state.output_sum_T, state.output_sum_T + rows, 0.0F);
    std::fill(state.signed_sum_T, state.signed_sum_T + rows, 0.0F);
    std::fill(state.carried_T, state.carried_T + rows, 0.0F);
    state.keys[0] = state.keys[1] = 0;
}

template <class Faults>
void accumulate(const Tile& tile, const TileScratch& scratch, const RowState& state, const Guard& guard) {
    using arithmetic::block_keys;
    using arithmetic::sub_rows;
    constexpr std::int64_t most_subs = arithmetic::tile_rows / sub_rows;
    Faults faults(guard);
    GuardedSub subs[most_subs];
    bool started[most_subs] = {};
    const std::int64_t count = (tile.row_count + sub_rows - 1) / sub_rows;
    for (std::int64_t i = 0; i < count; ++i) {
        GuardedSub& guarded = subs[i];
        guarded.sub = arithmetic::make_sub_tile(tile, i * sub_rows, scratch, state);
        guarded.state = part_of(guard.state, i * sub_rows, i);
        guarded.pending_sums_D = guard.scratch.pending_sums_D + i * tile.head_dim;
        guarded.score_sum_T = guard.scratch.score_sum_T + i * sub_rows;
        guarded.scores_checked = guard.checks.scores && guard.sums->keys_finite;
        start_guard(guarded.sub.padded_rows, guarded.state);
        measure_rows(guarded, guard);
        const attention::KeyRange seen{std::max(tile.keys.begin, guarded.sub.some.begin), std::min(tile.keys.end, guarded.sub.some.end)};
        guarded.state.keys[1] = seen.size();
    }
    for (std::int64_t first = tile.keys.begin; first < tile.keys.end; first += block_keys) {
        const std::int64_t end = std::min(first + block_keys, tile.keys.end);
        for (std::int64_t i = 0; i < count; ++i) {
            SubTile& sub = subs[i].sub;
            const std::int64_t from = std::max(first, sub.some.begin);
            const Block block{from, std::min(end, sub.some.end) - from};
            if (block.keys <= 0) continue;
            if constexpr (Faults::present) {
                if (faults.skips(sub, block)) continue;
            }
            subs[i].state.keys[0] += block.keys;
            if (arithmetic::hidden_everywhere(sub, block)) continue;
            absorb(subs[i], block, !started[i], scratch, guard, faults);
            started[i] = true;
        }
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const SubTile& sub = subs[i].sub;
        if (!started[i]) arithmetic::clear_outputs(sub.rows, arithmetic::padded_values(tile), sub.state);
        compare_scores(subs[i], guard);
        if (guard.checks.scores) check_queries(subs[i], scratch, guard);
        arithmetic::finish_maxima(sub.rows, sub.exponent_scale, sub.state);
        arithmetic::finish_maxima(sub.rows, sub.exponent_scale,
                                  {.output_TP = nullptr, .maximum_T = subs[i].state.maximum_copy_T, .sum_T = nullptr});
    }
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
