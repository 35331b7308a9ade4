// SPDX-License-Identifier: Apache-2.0
// From the logits of a block to exponentials and their sums. Rows stand in lanes: no reduction goes across a vector. Included once per
// instruction set.
#if defined(PLUMB_LOSS_EXPONENTIALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_LOSS_EXPONENTIALS_INL_H_
#undef PLUMB_LOSS_EXPONENTIALS_INL_H_
#else
#define PLUMB_LOSS_EXPONENTIALS_INL_H_
#endif

#include <limits>

#include "kernels/attention/exponential-inl.h"
#include "kernels/loss/products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::loss::HWY_NAMESPACE {

// A reference moves up when a logit exceeds it by more than this. Any bound up to 80 keeps e^x in range; a small one keeps the rounding of
// logit - reference, 2^-21 at most, below that of a logit of such size. Moving costs one pass over the sums, less than a block does, and
// happens a few times in the life of a row.
inline constexpr float largest_excess = 8;
inline constexpr float log2_e = 1.44269504088896340736F;

/// Largest logit of each row in the block.
template <int Vectors>
HWY_INLINE void find_maxima(const float* HWY_RESTRICT logits, std::int64_t count, Vector (&maximum)[Vectors]) {
    const Floats d;
#pragma GCC unroll 4
    for (int n = 0; n < Vectors; ++n) maximum[n] = hn::LoadU(d, logits + n * lanes);
    for (std::int64_t v = 1; v < count; ++v) {
#pragma GCC unroll 4
        for (int n = 0; n < Vectors; ++n) maximum[n] = hn::Max(maximum[n], hn::LoadU(d, logits + (v * Vectors + n) * lanes));
    }
}

/// numbers[i][row] *= factor[row].
template <int Vectors>
HWY_INLINE void scale_rows(float* numbers, std::int64_t count, const Vector (&factor)[Vectors]) {
    const Floats d;
    for (std::int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 4
        for (int n = 0; n < Vectors; ++n) {
            float* place = numbers + (i * Vectors + n) * lanes;
            hn::StoreU(hn::Mul(factor[n], hn::LoadU(d, place)), d, place);
        }
    }
}

/// Moves the reference of the rows whose maximum exceeds it by too much up to that maximum, and what was summed relative to it.
template <int Vectors>
HWY_NOINLINE void move_references(const Panel& panel, const WeightBlock& block, const Vector (&maximum)[Vectors]) {
    const Floats d;
    constexpr std::int64_t rows = Vectors * lanes;
    const attention::HWY_NAMESPACE::Exponential<true> power_of_two(log2_e);
    Vector factor[Vectors];
    float factor_of_row[rows];
    for (int n = 0; n < Vectors; ++n) {
        const Vector reference = hn::LoadU(d, panel.reference + n * lanes);
        const Vector excess = hn::Sub(maximum[n], reference);
        const auto moves = hn::Gt(excess, hn::Set(d, largest_excess));
        factor[n] = hn::IfThenElse(moves, power_of_two(hn::Neg(excess)), hn::Set(d, 1.0F));
        hn::StoreU(hn::IfThenElse(moves, maximum[n], reference), d, panel.reference + n * lanes);
        hn::StoreU(factor[n], d, factor_of_row + n * lanes);
    }
    for (std::int64_t row = 0; row < rows; ++row) panel.total[row] *= factor_of_row[row];
    if (panel.sums != nullptr) scale_rows(panel.sums, block.padded_features, factor);
    if (panel.kept != nullptr) scale_rows(panel.kept, block.first, factor);
}

template <int Vectors>
HWY_INLINE void update_references(const Panel& panel, const WeightBlock& block, const float* logits) {
    const Floats d;
    Vector maximum[Vectors];
    find_maxima(logits, block.count, maximum);
    if (block.first == 0) {
        for (int n = 0; n < Vectors; ++n) hn::StoreU(maximum[n], d, panel.reference + n * lanes);
        std::fill_n(panel.total, Vectors * lanes, 0.0);
        return;
    }
    bool all_close = true;
    for (int n = 0; n < Vectors; ++n) {
        const Vector excess = hn::Sub(maximum[n], hn::LoadU(d, panel.reference + n * lanes));
        all_close = all_close && hn::AllTrue(d, hn::Not(hn::Gt(excess, hn::Set(d, largest_excess))));
    }
    if (!all_close) move_references(panel, block, maximum);
}

/// Keeps the logits of the targets that stand in this block, and takes them out of the sums.
template <int Vectors>
HWY_INLINE void take_targets(const Panel& panel, const WeightBlock& block, float* logits) {
    constexpr std::int64_t rows = Vectors * lanes;
    for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t v = panel.target[row] - block.first;
        if (v < 0 || v >= block.count) continue;
        panel.target_logit[row] = logits[v * rows + row];
        logits[v * rows + row] = -std::numeric_limits<float>::infinity();
    }
}

/// Logits become exponentials in place; their sums of this block join the rows' totals in fp64.
template <int Vectors>
HWY_INLINE void exponentiate(const Panel& panel, std::int64_t count, float* HWY_RESTRICT logits) {
    const Floats d;
    constexpr std::int64_t rows = Vectors * lanes;
    const attention::HWY_NAMESPACE::Exponential<true> power_of_two(log2_e);
    Vector reference[Vectors];
    Vector sum[Vectors];
#pragma GCC unroll 4
    for (int n = 0; n < Vectors; ++n) {
        reference[n] = hn::LoadU(d, panel.reference + n * lanes);
        sum[n] = hn::Zero(d);
    }
    for (std::int64_t v = 0; v < count; ++v) {
#pragma GCC unroll 4
        for (int n = 0; n < Vectors; ++n) {
            float* place = logits + v * rows + n * lanes;
            const Vector exponential = power_of_two(hn::Sub(hn::LoadU(d, place), reference[n]));
            hn::StoreU(exponential, d, place);
            sum[n] = hn::Add(sum[n], exponential);
        }
    }
    float sum_of_row[rows];
    for (int n = 0; n < Vectors; ++n) hn::StoreU(sum[n], d, sum_of_row + n * lanes);
    for (std::int64_t row = 0; row < rows; ++row) panel.total[row] += sum_of_row[row];
}

}  // namespace plumb::kernels::loss::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
