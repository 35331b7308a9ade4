// SPDX-License-Identifier: Apache-2.0
// The end of guarded rows: joining states of splits, and the check of the outputs before they leave. Included once per instruction set.
#if defined(PLUMB_PROTECT_GUARDED_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_GUARDED_FINISH_INL_H_
#undef PLUMB_PROTECT_GUARDED_FINISH_INL_H_
#else
#define PLUMB_PROTECT_GUARDED_FINISH_INL_H_
#endif

#include <cmath>

#include "kernels/attention/outputs-inl.h"
#include "kernels/attention/scale-inl.h"
#include "kernels/protect/guarded-softmax-inl.h"
#include "kernels/protect/row_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {

inline void check_maximum(float maximum, float copy, std::int64_t row, const Guard& guard) {
    if (!guard.checks.maxima || maximum == copy || std::isnan(copy)) return;
    guard.findings->alarm({.alarm = Alarm::maxima, .row = row, .residual = std::abs(maximum - copy)});
}

inline void merge(const attention::Tile& tile, const attention::RowState& more, const GuardState& guard_more,
                  const attention::RowState& state, const Guard& guard) {
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        check_maximum(more.maximum_T[t], guard_more.maximum_copy_T[t], t, guard);
        // Without the check nobody kept the copies.
        const float mine = guard.checks.maxima ? guard.state.maximum_copy_T[t] : state.maximum_T[t];
        const float theirs = guard.checks.maxima ? guard_more.maximum_copy_T[t] : more.maximum_T[t];
        const float copy = std::max(mine, theirs);
        const float shrink = std::exp2(mine - copy);
        const float shrink_more = std::exp2(theirs - copy);
        const auto join = [&](float* sum, const float* sum_more) { sum[t] = shrink * sum[t] + shrink_more * sum_more[t]; };
        join(guard.state.output_sum_T, guard_more.output_sum_T);
        join(guard.state.signed_sum_T, guard_more.signed_sum_T);
        join(guard.state.carried_T, guard_more.carried_T);
        guard.state.maximum_copy_T[t] = copy;
        // NaN, where it stands for a row that cannot be checked, must stay.
        guard.state.magnitude_T[t] += 0 * guard_more.magnitude_T[t];
    }
    const std::int64_t subs = (tile.row_count + arithmetic::sub_rows - 1) / arithmetic::sub_rows;
    for (std::int64_t i = 0; i < 2 * subs; ++i) guard.state.keys[i] += guard_more.keys[i];
    arithmetic::merge(tile, more, state);
}

/// Residuals of one row's normalised outputs.
struct RowResiduals {
    float plain = 0;
    float mixed = 0;
    float magnitude = 0;  ///< sum of the outputs without their signs, not normalised
};

inline RowResiduals row_residuals(const float* row_P, std::int64_t columns, float sum, std::int64_t t, const Guard& guard) {
    const Floats d;
    Vector plain = hn::Zero(d);
    Vector mixed = plain;
    Vector magnitude = plain;
    for (std::int64_t e = 0; e < columns; e += lanes) {
        const Vector numbers = hn::LoadU(d, row_P + e);
        plain = hn::Add(plain, numbers);
        mixed = hn::MulAdd(numbers, hn::LoadU(d, guard.scratch.sign_P + e), mixed);
        magnitude = hn::Add(magnitude, hn::Abs(numbers));
    }
    const float plain_sum = hn::GetLane(hn::SumOfLanes(d, plain));
    const float mixed_sum = hn::GetLane(hn::SumOfLanes(d, mixed));
    const float beta = guard.sums->beta;
    RowResiduals residuals;
    residuals.plain = std::abs(plain_sum * sum + (beta * sum - guard.state.output_sum_T[t]));
    residuals.mixed = std::abs(mixed_sum * sum - guard.state.signed_sum_T[t]);
    residuals.magnitude = hn::GetLane(hn::SumOfLanes(d, magnitude)) * sum + beta * sum;
    return residuals;
}

/// A row that sees a key has its largest probability, which is 1, among those summed; and no probability above 1.
inline bool plausible_sum(float sum, float maximum, std::int64_t keys) {
    if (maximum == arithmetic::no_maximum) return true;
    return sum >= 0.999F && sum <= 1.001F * static_cast<float>(keys);
}

inline void check_row(const attention::Tile& tile, const attention::RowState& state, std::int64_t t, float factor, const float* row_P,
                      const Guard& guard) {
    Findings& findings = *guard.findings;
    const float magnitude = guard.state.magnitude_T[t];
    if (std::isnan(magnitude) || !guard.sums->values_finite) ++findings.unchecked_rows;
    if (std::isnan(magnitude)) return;
    check_maximum(state.maximum_T[t], guard.state.maximum_copy_T[t], t, guard);
    if (!guard.checks.outputs || !guard.sums->values_finite) return;
    const float sum = state.sum_T[t];
    if (sum == 0 && attention::HWY_NAMESPACE::visible_keys(tile.rows[t]) == 0) return;
    const RowResiduals residuals = row_residuals(row_P, arithmetic::padded_values(tile), sum, t, guard);
    const float threshold = guard.factors.outputs * (guard.state.carried_T[t] + residuals.magnitude) +
                            guard.factors.output_bound * sum * guard.sums->value_bound + 0x1p-126F;
    const float residual = guard.checks.second_weights ? std::max(residuals.plain, residuals.mixed) : residuals.plain;
    // A threshold that is not finite says that an output is not.
    const bool fits =
        std::isfinite(threshold) && residuals.plain <= threshold && (!guard.checks.second_weights || residuals.mixed <= threshold);
    const bool normalised = std::abs(factor * sum - 1.0F) <= 0x1p-22F;
    if (!fits || !normalised || !plausible_sum(sum, state.maximum_T[t], tile.packed_keys)) {
        findings.alarm({.alarm = Alarm::outputs, .row = t, .residual = residual, .threshold = threshold});
    } else {
        findings.largest = std::max(findings.largest, residual / threshold);
    }
    ++findings.row_checks;
}

template <class Faults>
void finish(const attention::Tile& tile, const attention::RowState& state, const Guard& guard) {
    Faults faults(guard);
    const std::int64_t columns = arithmetic::padded_values(tile);
    if (guard.checks.outputs) {
        const std::int64_t subs = (tile.row_count + arithmetic::sub_rows - 1) / arithmetic::sub_rows;
        for (std::int64_t i = 0; i < subs; ++i) {
            const auto seen = static_cast<float>(guard.state.keys[2 * i]);
            const auto expected = static_cast<float>(guard.state.keys[2 * i + 1]);
            if (guard.state.keys[2 * i] == guard.state.keys[2 * i + 1]) continue;
            guard.findings->alarm(
                {.alarm = Alarm::key_count, .row = i * arithmetic::sub_rows, .residual = std::abs(seen - expected), .threshold = 0});
        }
    }
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        const attention::TileRow& row = tile.rows[t];
        float factor = arithmetic::normaliser(row, state.sum_T[t]);
        if constexpr (Faults::present) factor = faults.normaliser(factor, t);
        float* kept = state.output_TP + t * columns;
        arithmetic::normalise_row(tile, state, t, factor, kept);
        check_row(tile, state, t, factor, kept, guard);
        arithmetic::write_row(tile, row.out, kept);
        if (guard.row_sum_of_output != nullptr) guard.row_sum_of_output[t] = sum_of_stored(tile.dtype, kept, tile.value_dim);
        if constexpr (Faults::present) faults.stored_output(tile, t);
        arithmetic::write_lse(row, state, t, factor);
    }
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
