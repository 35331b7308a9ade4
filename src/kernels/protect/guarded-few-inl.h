// SPDX-License-Identifier: Apache-2.0
// Few rows (decoding) under guard: attention/few-inl.h with checks between its steps. Numbers of a row stand in lanes, so every checksum is
// a sum along a row of scores or probabilities in the nearest cache. Included once per instruction set.
#if defined(PLUMB_PROTECT_GUARDED_FEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_GUARDED_FEW_INL_H_
#undef PLUMB_PROTECT_GUARDED_FEW_INL_H_
#else
#define PLUMB_PROTECT_GUARDED_FEW_INL_H_
#endif

#include "kernels/attention/few-inl.h"
#include "kernels/protect/guarded-blocks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

using arithmetic::FewRows;

inline float row_sum(const float* numbers, std::int64_t count) {
    const Floats d;
    Vector sum = hn::Zero(d);
    std::int64_t j = 0;
    for (; j + lanes <= count; j += lanes) sum = hn::Add(sum, hn::LoadU(d, numbers + j));
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; j < count; ++j) total += numbers[j];
    return total;
}

inline float row_product(const float* a, const float* b, std::int64_t count) {
    const Floats d;
    Vector sum = hn::Zero(d);
    std::int64_t j = 0;
    for (; j + lanes <= count; j += lanes) sum = hn::MulAdd(hn::LoadU(d, a + j), hn::LoadU(d, b + j), sum);
    float total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; j < count; ++j) total += a[j] * b[j];
    return total;
}

/// Key sums of a block as the head has them; where the block is not one of the head's, sums of its keys as they are now.
template <base::Dtype dtype>
const float* few_key_sums(const FewRows& few, const Block& block, const Guard& guard) {
    const attention::Tile& tile = *few.tile;
    if (const float* sums = sums_of_block(tile, block, guard); sums != nullptr) return sums;
    std::fill(guard.scratch.own_sums_D, guard.scratch.own_sums_D + tile.head_dim, 0.0F);
    for (std::int64_t j = 0; j < block.keys; ++j) {
        arithmetic::widen(dtype, base::advance(dtype, tile.k_MD, (block.first + j) * tile.k_row), tile.head_dim, guard.scratch.key_JD);
        for (std::int64_t c = 0; c < tile.head_dim; ++c) guard.scratch.own_sums_D[c] += guard.scratch.key_JD[c];
    }
    return guard.scratch.own_sums_D;
}

inline void check_scores_few(const FewRows& few, const Block& block, const float* key_sums_D, std::int64_t t, const Guard& guard) {
    const float magnitude = guard.state.magnitude_T[t];
    if (std::isnan(magnitude)) return;
    const float expected = row_product(few.query(t), key_sums_D, few.tile->head_dim);
    const float threshold = magnitude * guard.factors.scores + 0x1p-126F;
    const float residual = std::abs(row_sum(few.scores(t), block.keys) - expected);
    if (residual <= threshold) {
        guard.findings->largest = std::max(guard.findings->largest, residual / threshold);
    } else {
        guard.findings->alarm({.alarm = Alarm::scores, .row = t, .first_key = block.first, .residual = residual, .threshold = threshold});
    }
    ++guard.findings->row_checks;
}

/// Exponentials of one row against its scores, which `arguments` has as they were.
template <bool Scaled>
HWY_INLINE void check_exponentials_few(const Exponential<Scaled>& exponential, const FewRows& few, const Block& block, std::int64_t t,
                                       const float* arguments, const Guard& guard) {
    const Floats d;
    const Vector maximum = hn::Set(d, few.state.maximum_T[t]);
    auto wrong = hn::Lt(hn::Zero(d), hn::Zero(d));
    for (std::int64_t j = 0; j < block.keys; j += lanes) {
        const Vector x = hn::Sub(hn::LoadU(d, arguments + j), maximum);
        const Vector probability = hn::LoadU(d, few.scores(t) + j);
        if (guard.checks.exponentials == ExponentialCheck::twice) {
            const Vector again = hn::Reverse(d, exponential(hn::Reverse(d, x)));
            wrong = hn::Or(wrong, hn::And(hn::Ne(again, probability), hn::Eq(x, x)));
        } else {
            const Vector place = band_place(exponential, x, probability);
            const auto fits = hn::And(hn::Ge(place, hn::Set(d, band_low - band_noise)), hn::Le(place, hn::Set(d, band_high + band_noise)));
            wrong = hn::Or(wrong, hn::Not(fits));
        }
    }
    if (!hn::AllFalse(d, wrong)) guard.findings->alarm({.alarm = Alarm::exponentials, .row = t, .first_key = block.first});
}

template <bool Scaled>
HWY_INLINE void check_maximum_few(const Exponential<Scaled>& exponential, const FewRows& few, std::int64_t t, float block_maximum,
                                  float correction, const Guard& guard) {
    const Floats d;
    const float old_copy = guard.state.maximum_copy_T[t];
    const float copy = std::max(old_copy, block_maximum);
    guard.state.maximum_copy_T[t] = copy;
    const float again = hn::GetLane(exponential(hn::Set(d, old_copy - copy)));
    if (std::isnan(block_maximum) || (few.state.maximum_T[t] == copy && correction == again)) return;
    guard.findings->alarm({.alarm = Alarm::maxima, .row = t, .residual = std::abs(correction - again)});
}

template <base::Dtype dtype, bool Scaled, class Faults>
HWY_NOINLINE void absorb_few(const Exponential<Scaled>& exponential, const FewRows& few, const Block& block, const Guard& guard,
                             Faults& faults) {
    const Floats d;
    bool hides[arithmetic::most_few_rows];
    float corrections[arithmetic::most_few_rows];
    const bool scores_checked = guard.checks.scores && guard.sums->keys_finite;
    if constexpr (Faults::present) faults.before_scores_few(few, block);
    arithmetic::score_few<dtype>(few, block);
    if constexpr (Faults::present) faults.after_scores_few(few, block);
    const float* key_sums = scores_checked ? few_key_sums<dtype>(few, block, guard) : nullptr;
    for (std::int64_t t = 0; t < few.rows(); ++t) {
        if (scores_checked) check_scores_few(few, block, key_sums, t, guard);
        hides[t] = arithmetic::change_scores(few, block, t);
        float* arguments = guard.scratch.key_JD;
        const bool checkable = !std::isnan(guard.state.magnitude_T[t]);
        const bool kept = checkable && (guard.checks.exponentials != ExponentialCheck::none || guard.checks.maxima);
        float block_maximum = arithmetic::hidden_score;
        if (kept) {
            std::fill(arguments + block.keys, arguments + arithmetic::padded(block.keys), arithmetic::hidden_score);
            std::copy_n(few.scores(t), block.keys, arguments);
            Vector largest = hn::Set(d, arithmetic::hidden_score);
            for (std::int64_t j = 0; j < block.keys; j += lanes) largest = hn::Max(largest, hn::LoadU(d, arguments + j));
            block_maximum = hn::GetLane(hn::MaxOfLanes(d, largest));
        }
        corrections[t] = arithmetic::exponentiate_row(exponential, few, block.keys, t);
        if constexpr (Faults::present) faults.after_softmax_few(few, block, t, corrections[t]);
        if (checkable && guard.checks.maxima) check_maximum_few(exponential, few, t, block_maximum, corrections[t], guard);
        if (checkable && guard.checks.exponentials != ExponentialCheck::none)
            check_exponentials_few(exponential, few, block, t, arguments, guard);
        const auto carry = [&](float* sums_T, const float* sums_M) {
            const float added = row_product(few.scores(t), sums_M + block.first, block.keys);
            sums_T[t] = corrections[t] * sums_T[t] + added;
            return std::abs(added);
        };
        const float plain = carry(guard.state.output_sum_T, guard.sums->value_sums_M);
        const float mixed = carry(guard.state.signed_sum_T, guard.sums->signed_sums_M);
        guard.state.carried_T[t] = corrections[t] * guard.state.carried_T[t] + plain + mixed;
        if constexpr (Faults::present) faults.after_sums_few(few, block, t, guard.state);
        std::fill(few.block_sums(t), few.block_sums(t) + few.value_columns, 0.0F);
    }
    arithmetic::weigh_block_few<dtype>(few, block, hides);
    for (std::int64_t t = 0; t < few.rows(); ++t) arithmetic::add_block_few(few, t, corrections[t]);
    if constexpr (Faults::present) faults.after_outputs_few(few, block);
}

template <base::Dtype dtype, bool Scaled, class Faults>
void absorb_all_few(const FewRows& few, const Guard& guard, Faults& faults) {
    const Exponential<Scaled> exponential(Scaled ? few.exponent_scale : 1.0F);
    const attention::KeyRange& keys = few.tile->keys;
    guard.state.keys[1] = keys.size();
    for (Block block{keys.begin, 0}; block.first < keys.end; block.first += arithmetic::block_keys) {
        block.keys = std::min(arithmetic::block_keys, keys.end - block.first);
        if constexpr (Faults::present) {
            if (faults.skips_few(block)) continue;
        }
        absorb_few<dtype, Scaled>(exponential, few, block, guard, faults);
        guard.state.keys[0] += block.keys;
    }
}

template <base::Dtype dtype, class Faults>
void absorb_all_few(const FewRows& few, const Guard& guard, Faults& faults) {
    if (few.exponent_scale == 1) {
        absorb_all_few<dtype, false>(few, guard, faults);
    } else {
        absorb_all_few<dtype, true>(few, guard, faults);
    }
}

/// The caller's q once more, as check_queries() does it.
inline void check_queries_few(const FewRows& few, const attention::TileScratch& scratch, const Guard& guard) {
    attention::TileScratch again = scratch;
    again.query_DT = guard.scratch.query_DT;
    FewRows same = few;
    same.scratch = &again;
    arithmetic::take_queries(same);
    const std::size_t bytes = static_cast<std::size_t>(few.rows() * few.head_columns) * sizeof(float);
    if (std::memcmp(again.query_DT, scratch.query_DT, bytes) != 0) guard.findings->alarm({.alarm = Alarm::operands, .row = 0});
}

template <class Faults>
void accumulate_few(const attention::Tile& tile, const attention::TileScratch& scratch, const attention::RowState& state,
                    const Guard& guard) {
    Faults faults(guard);
    FewRows few = arithmetic::make_few_rows(tile, scratch, state);
    start_guard(tile.row_count, guard.state);
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        float magnitude = guard.sums->keys_finite ? 0 : std::numeric_limits<float>::quiet_NaN();
        for (std::int64_t c = 0; c < tile.head_dim; ++c) magnitude += std::abs(few.query(t)[c]) * guard.sums->key_magnitudes_D[c];
        guard.state.magnitude_T[t] = magnitude + 0 * magnitude;
    }
    switch (tile.kv_dtype) {
        case base::Dtype::fp32:
            absorb_all_few<base::Dtype::fp32>(few, guard, faults);
            break;
        case base::Dtype::bf16:
            absorb_all_few<base::Dtype::bf16>(few, guard, faults);
            break;
        case base::Dtype::fp16:
            absorb_all_few<base::Dtype::fp16>(few, guard, faults);
            break;
    }
    if (guard.checks.scores) check_queries_few(few, scratch, guard);
    arithmetic::finish_maxima(tile.row_count, few.exponent_scale, state);
    arithmetic::finish_maxima(tile.row_count, few.exponent_scale,
                              {.output_TP = nullptr, .maximum_T = guard.state.maximum_copy_T, .sum_T = nullptr});
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
