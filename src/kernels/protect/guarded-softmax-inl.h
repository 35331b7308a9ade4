// SPDX-License-Identifier: Apache-2.0
// The softmax half of a guarded block: attention/softmax-inl.h with checksums taken while scores and probabilities are in registers.
// Included once per instruction set.
#if defined(PLUMB_PROTECT_GUARDED_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_GUARDED_SOFTMAX_INL_H_
#undef PLUMB_PROTECT_GUARDED_SOFTMAX_INL_H_
#else
#define PLUMB_PROTECT_GUARDED_SOFTMAX_INL_H_
#endif

#include <type_traits>

#include "kernels/attention/softmax-inl.h"
#include "kernels/protect/encode-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

using arithmetic::Block;
using arithmetic::Exponential;
using arithmetic::SubTile;

// The bits of x = 2^e (1 + f) as an integer are 2^23 (e + f + 127), and log2(1 + f) - f lies in [0, 0.0861] (its largest value, at
// f = 1 / ln 2 - 1). So bits / 2^23 - log2 x lies in [127 - 0.0861, 127]. Exponentials below 2^-125, which add nothing to a row whose
// largest is 1, may be denormal or 0, whose bits say less: they count as `smallest_bits`, and arguments below -125 as `smallest_argument`;
// the two are within the band of each other.
inline constexpr float band_low = 127.0F - 0.0860714F;
inline constexpr float band_high = 127.0F;
inline constexpr std::int32_t smallest_bits = 2 << 23;  // 2^-125
inline constexpr float smallest_argument = -124.96F;
/// Roundings of bits as fp32, of the argument and of the exponential: each below 2^-16 in units of powers of two.
inline constexpr float band_noise = 0x1p-15F;

/// The argument of an exponential in powers of two, as the band knows it.
template <bool Scaled>
HWY_INLINE Vector band_argument(const Exponential<Scaled>& exponential, Vector x) {
    const Floats d;
    // NaN stays: it is the second operand.
    return hn::Max(hn::Set(d, smallest_argument), Scaled ? hn::Mul(x, exponential.scale()) : x);
}

HWY_INLINE hn::Vec<hn::RebindToSigned<Floats>> band_bits(Vector probability) {
    const hn::RebindToSigned<Floats> integers;
    return hn::Max(hn::BitCast(integers, probability), hn::Set(integers, smallest_bits));
}

/// log2 of the exponential as its bits tell it, less its argument, plus 127.
template <bool Scaled>
HWY_INLINE Vector band_place(const Exponential<Scaled>& exponential, Vector x, Vector probability) {
    const Floats d;
    return hn::MulSub(hn::ConvertTo(d, band_bits(probability)), hn::Set(d, 0x1p-23F), band_argument(exponential, x));
}

/// ExponentialCheck, and what `sum` takes where it can: of scores that are summed anyway and whose exponentials are all above 2^-125, the
/// sum of the arguments is the sum of the scores less the maximum of the row for each, and no bits have to be bounded.
enum class RunningCheck { none, sum, sum_in_range, band, twice };

/// What one set of checks adds up over the keys of a block, for one vector of rows.
template <bool Scores, RunningCheck check, int Weights>
struct RunningSums {
    Vector score;
    Vector plain;
    Vector mixed;
    // Places of the band as integers, which order positive numbers as they are and put NaN and negative ones outside.
    hn::Vec<hn::RebindToSigned<Floats>> lowest;
    hn::Vec<hn::RebindToSigned<Floats>> highest;
    Vector argument;
    hn::Vec<hn::RebindToUnsigned<Floats>> bits;

    HWY_INLINE void start() {
        const Floats d;
        score = plain = mixed = argument = hn::Zero(d);
        const hn::RebindToSigned<Floats> integers;
        lowest = hn::BitCast(integers, hn::Set(d, band_high));
        highest = hn::BitCast(integers, hn::Set(d, band_low));
        bits = hn::Zero(hn::RebindToUnsigned<Floats>());
    }

    template <bool Scaled>
    HWY_INLINE void check_exponential(const Exponential<Scaled>& exponential, Vector x, Vector probability) {
        const Floats d;
        const hn::RebindToUnsigned<Floats> words;
        if constexpr (check == RunningCheck::band) {
            const auto place = hn::BitCast(hn::RebindToSigned<Floats>(), band_place(exponential, x, probability));
            lowest = hn::Min(lowest, place);
            highest = hn::Max(highest, place);
        } else if constexpr (check == RunningCheck::sum_in_range) {
            bits = hn::Add(bits, hn::BitCast(words, probability));
        } else if constexpr (check == RunningCheck::sum) {
            bits = hn::Add(bits, hn::BitCast(words, band_bits(probability)));
            argument = hn::Add(argument, band_argument(exponential, x));
        } else if constexpr (check == RunningCheck::twice) {
            // In other lanes, so that a defect of one lane does not strike both in the same number.
            const Vector again = hn::Reverse(d, exponential(hn::Reverse(d, x)));
            bits = hn::Or(bits, hn::Xor(hn::BitCast(words, again), hn::BitCast(words, probability)));
        }
    }

    /// Lanes whose exponentials are wrong.
    HWY_INLINE hn::Mask<Floats> wrong_exponentials([[maybe_unused]] Vector maximum, [[maybe_unused]] std::int64_t keys) const {
        const Floats d;
        if constexpr (check == RunningCheck::band) {
            const auto fits = hn::And(hn::Ge(hn::BitCast(d, lowest), hn::Set(d, band_low - band_noise)),
                                      hn::Le(hn::BitCast(d, highest), hn::Set(d, band_high + band_noise)));
            return hn::Not(fits);
        } else if constexpr (check == RunningCheck::sum || check == RunningCheck::sum_in_range) {
            // Modulo 2^32, which is 512 powers of two: the sums themselves do not fit.
            const hn::RebindToSigned<Floats> integers;
            const auto count = static_cast<float>(keys);
            const Vector arguments = check == RunningCheck::sum ? argument : hn::NegMulAdd(hn::Set(d, count), maximum, score);
            const Vector rounds = hn::Round(hn::Mul(arguments, hn::Set(d, 1.0F / 512)));
            const Vector folded = hn::MulAdd(rounds, hn::Set(d, -512.0F), arguments);
            const auto expected = hn::Add(hn::BitCast(integers, hn::ConvertTo(integers, hn::Mul(folded, hn::Set(d, 0x1p23F)))),
                                          hn::Set(integers, static_cast<std::int32_t>(static_cast<std::uint32_t>(keys) * (127U << 23))));
            const Vector off = hn::Mul(hn::ConvertTo(d, hn::Sub(hn::BitCast(integers, bits), expected)), hn::Set(d, 0x1p-23F));
            // Sum of `keys` arguments, or scores, of up to 127 powers each, rounded in fp32.
            const float noise = count * count * 0x1p-17F + 0x1p-8F;
            return hn::Not(hn::And(hn::Le(off, hn::Set(d, noise)), hn::Ge(off, hn::Set(d, -count * (127.0F - band_low) - noise))));
        } else if constexpr (check == RunningCheck::twice) {
            const hn::RebindToUnsigned<Floats> words;
            return hn::MaskFromVec(hn::BitCast(d, hn::VecFromMask(words, hn::Ne(bits, hn::Zero(words)))));
        } else {
            return hn::Lt(hn::Zero(d), hn::Zero(d));
        }
    }
};

/// Lanes of `bad` become an alarm; its first lane that is a row is named.
inline void raise(const Guard& guard, Alarm alarm, const SubTile& sub, const Block& block, std::int64_t t, hn::Mask<Floats> bad,
                  Vector residual, Vector threshold) {
    const Floats d;
    if (HWY_LIKELY(hn::AllFalse(d, bad))) return;
    const auto lane = static_cast<std::int64_t>(hn::FindFirstTrue(d, bad));
    float residuals[arithmetic::lanes];
    float thresholds[arithmetic::lanes];
    hn::StoreU(residual, d, residuals);
    hn::StoreU(threshold, d, thresholds);
    guard.findings->alarm({.alarm = alarm,
                           .row = sub.first_row + std::min(t + lane, sub.rows - 1),
                           .first_key = block.first,
                           .residual = residuals[lane],
                           .threshold = thresholds[lane]});
}

/// Rows whose operands are finite.
HWY_INLINE hn::Mask<Floats> checkable(const GuardState& state, std::int64_t at) {
    const Vector magnitude = hn::LoadU(Floats(), state.magnitude_T + at);
    return hn::Eq(magnitude, magnitude);
}

/// attention's exponentiate(), and the checksums of its scores (into score_sum_T, where `sum_scores`) and outputs; checks maxima and
/// exponentials.
template <int Vectors, bool Scaled, bool Scores, RunningCheck check, int Weights, class Faults>
HWY_INLINE void exponentiate(const Exponential<Scaled>& exponential, const SubTile& sub, const Block& block, std::int64_t t,
                             bool sum_scores, const attention::TileScratch& scratch, const GuardState& state, const Guard& guard,
                             Faults& faults) {
    const Floats d;
    Vector maximum[Vectors];
    Vector sum[Vectors];
    RunningSums<Scores, check, Weights> running[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t at = t + v * lanes;
        const Vector old_maximum = hn::LoadU(d, sub.state.maximum_T + at);
        const Vector block_maximum = hn::LoadU(d, scratch.block_maximum_T + at);
        maximum[v] = hn::Max(old_maximum, block_maximum);
        Vector correction = exponential(hn::Sub(old_maximum, maximum[v]));
        if constexpr (Faults::present) correction = faults.correction(correction, sub, block, at);
        hn::StoreU(maximum[v], d, sub.state.maximum_T + at);
        hn::StoreU(correction, d, scratch.correction_T + at);
        sum[v] = hn::Zero(d);
        running[v].start();
        if (guard.checks.maxima) {
            const Vector old_copy = hn::LoadU(d, state.maximum_copy_T + at);
            const Vector copy = hn::Max(old_copy, block_maximum);
            hn::StoreU(copy, d, state.maximum_copy_T + at);
            const Vector again = exponential(hn::Sub(old_copy, copy));
            const auto same = hn::And(hn::Eq(maximum[v], copy), hn::Eq(correction, again));
            raise(guard, Alarm::maxima, sub, block, at, hn::AndNot(same, checkable(state, at)), hn::Sub(correction, again), hn::Zero(d));
        }
    }
    const float* HWY_RESTRICT values = guard.sums->value_sums_M + block.first;
    const float* HWY_RESTRICT mixed_values = guard.sums->signed_sums_M + block.first;
    const std::int64_t keys = block.keys;
    const std::int64_t stride = sub.padded_rows;
    float* HWY_RESTRICT row = scratch.score_JT + t;
    for (std::int64_t j = 0; j < keys; ++j, row += stride) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const Vector score = hn::LoadU(d, row + v * lanes);
            const Vector x = hn::Sub(score, maximum[v]);
            Vector probability = exponential(x);
            if constexpr (Faults::present) probability = faults.exponential(probability, sub, block, j, t + v * lanes);
            hn::StoreU(probability, d, row + v * lanes);
            sum[v] = hn::Add(sum[v], probability);
            if constexpr (Scores) running[v].score = hn::Add(running[v].score, score);
            running[v].check_exponential(exponential, x, probability);
            running[v].plain = hn::MulAdd(probability, hn::Set(d, values[j]), running[v].plain);
            if constexpr (Weights == 2) running[v].mixed = hn::MulAdd(probability, hn::Set(d, mixed_values[j]), running[v].mixed);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t at = t + v * lanes;
        const Vector correction = hn::LoadU(d, scratch.correction_T + at);
        const auto carry = [&](float* carried, Vector more)
                               HWY_ATTR { hn::StoreU(hn::MulAdd(correction, hn::LoadU(d, carried + at), more), d, carried + at); };
        carry(sub.state.sum_T, sum[v]);
        carry(state.output_sum_T, running[v].plain);
        if constexpr (Weights == 2) carry(state.signed_sum_T, running[v].mixed);
        carry(state.carried_T, hn::Add(hn::Abs(running[v].plain), hn::Abs(running[v].mixed)));
        if (Scores && sum_scores) {
            float* scores = guard.scratch.score_sum_T + sub.first_row + at;
            hn::StoreU(hn::Add(hn::LoadU(d, scores), running[v].score), d, scores);
        }
        const auto bad = hn::And(running[v].wrong_exponentials(maximum[v], block.keys), checkable(state, at));
        raise(guard, Alarm::exponentials, sub, block, at, bad, hn::Zero(d), hn::Zero(d));
    }
}

/// Vectors side by side: as many as their sums leave registers for.
inline constexpr int softmax_vectors = HWY_TARGET == HWY_AVX3 ? 3 : 1;

template <bool Scaled, bool Scores, RunningCheck check, int Weights, class Faults>
HWY_NOINLINE void exponentiate_all(const SubTile& sub, const Block& block, bool sum_scores, const attention::TileScratch& scratch,
                                   const GuardState& state, const Guard& guard, Faults& faults) {
    const Exponential<Scaled> exponential(Scaled ? sub.exponent_scale : 1.0F);
    arithmetic::in_pieces<softmax_vectors>(sub.padded_rows / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        exponentiate<decltype(vectors)::value, Scaled, Scores, check, Weights>(exponential, sub, block, first_vector * lanes, sum_scores,
                                                                               scratch, state, guard, faults);
    });
}

template <bool Scaled, bool Scores, RunningCheck check, class Faults>
void exponentiate_with(const SubTile& sub, const Block& block, bool sum_scores, const attention::TileScratch& scratch,
                       const GuardState& state, const Guard& guard, Faults& faults) {
    if constexpr (!Faults::present) {
        if (!guard.checks.second_weights)
            return exponentiate_all<Scaled, Scores, check, 1>(sub, block, sum_scores, scratch, state, guard, faults);
    }
    exponentiate_all<Scaled, Scores, check, 2>(sub, block, sum_scores, scratch, state, guard, faults);
}

/// Whether no exponential of the block can be below 2^-125, and no score too large for a sum of them to be told from its arguments.
inline bool in_range(const SubTile& sub, const attention::TileScratch& scratch, const GuardState& state) {
    const Floats d;
    const Vector limit = hn::Set(d, 124.0F);
    for (std::int64_t t = 0; t < sub.padded_rows; t += lanes) {
        const Vector maximum = hn::Max(hn::LoadU(d, sub.state.maximum_T + t), hn::LoadU(d, scratch.block_maximum_T + t));
        const Vector bound = hn::LoadU(d, state.score_bound_T + t);
        // NaN is not in range.
        if (!hn::AllTrue(d, hn::And(hn::Le(bound, limit), hn::Le(hn::Add(bound, maximum), limit)))) return false;
    }
    return true;
}

template <bool Scaled, bool Scores, class Faults>
void exponentiate_with(const SubTile& sub, const Block& block, bool sum_scores, const attention::TileScratch& scratch,
                       const GuardState& state, const Guard& guard, Faults& faults) {
    const auto with = [&](auto check) {
        exponentiate_with<Scaled, Scores, decltype(check)::value>(sub, block, sum_scores, scratch, state, guard, faults);
    };
    switch (guard.checks.exponentials) {
        case ExponentialCheck::none:
            return with(std::integral_constant<RunningCheck, RunningCheck::none>());
        case ExponentialCheck::sum:
            if constexpr (Scores) {
                if (sum_scores && in_range(sub, scratch, state))
                    return with(std::integral_constant<RunningCheck, RunningCheck::sum_in_range>());
            }
            return with(std::integral_constant<RunningCheck, RunningCheck::sum>());
        case ExponentialCheck::band:
            return with(std::integral_constant<RunningCheck, RunningCheck::band>());
        case ExponentialCheck::twice:
            return with(std::integral_constant<RunningCheck, RunningCheck::twice>());
    }
}

/// `sum_scores`: the scores of the block are as the product left them and count powers of two, and their sums are wanted. Fewer forms where
/// nothing is timed: a scale of 1 gives the same bits as none, and unused sums do no harm.
template <class Faults>
void exponentiate_block(const SubTile& sub, const Block& block, bool sum_scores, const attention::TileScratch& scratch,
                        const GuardState& state, const Guard& guard, Faults& faults) {
    if constexpr (Faults::present) {
        exponentiate_with<true, true>(sub, block, sum_scores, scratch, state, guard, faults);
    } else if (sub.exponent_scale != 1) {
        exponentiate_with<true, false>(sub, block, false, scratch, state, guard, faults);
    } else if (sum_scores) {
        exponentiate_with<false, true>(sub, block, true, scratch, state, guard, faults);
    } else {
        exponentiate_with<false, false>(sub, block, false, scratch, state, guard, faults);
    }
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
