// SPDX-License-Identifier: Apache-2.0
// The third product of the fused loss: dW. Included once per instruction set.
#if defined(PLUMB_LOSS_WEIGHT_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_LOSS_WEIGHT_GRADIENT_INL_H_
#undef PLUMB_LOSS_WEIGHT_GRADIENT_INL_H_
#else
#define PLUMB_LOSS_WEIGHT_GRADIENT_INL_H_
#endif

#include "kernels/loss/products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::loss::HWY_NAMESPACE {

inline constexpr std::int64_t strip_columns = most_vectors * lanes;

/// The sums of one square of vocabulary entries from v on and one strip.
HWY_INLINE void sum_over_rows(const WeightGradient& work, std::int64_t v, const float* HWY_RESTRICT hidden, Sums<most_vectors>& sums) {
    constexpr std::int64_t panel_rows = most_vectors * lanes;
    sums.clear();
    const float* panel = work.exponentials;
    std::int64_t row = 0;
    for (; row + panel_rows <= work.rows; row += panel_rows) {
        const float* exponentials = panel + v * panel_rows;
#pragma GCC unroll 4
        for (std::int64_t r = 0; r < panel_rows; ++r) {
            sums.multiply_add(exponentials + r, panel_rows, hidden);
            hidden += strip_columns;
        }
        panel += work.panel_stride;
    }
    const std::int64_t rest = (work.rows - row + lanes - 1) / lanes * lanes;
    for (std::int64_t r = 0; r < rest; ++r) sums.multiply_add(panel + v * rest + r, rest, hidden + r * strip_columns);
}

HWY_INLINE void prefetch_rows(const float* at, std::int64_t row_stride) {
#pragma GCC unroll 8
    for (int i = 0; i < square; ++i) {
        for (std::int64_t column = 0; column < strip_columns; column += 16) __builtin_prefetch(at + i * row_stride + column, 1);
        __builtin_prefetch(at + i * row_stride + strip_columns - 1, 1);
    }
}

/// Entries [first, first + count) of the vocabulary; `first` is a multiple of the square.
void add_weight_gradient(const WeightGradient& work, std::int64_t first, std::int64_t count) {
    for (std::int64_t column = 0; column < work.features; column += strip_columns) {
        const float* hidden = work.hidden + column * work.padded_rows;
        const std::int64_t columns = std::min(strip_columns, work.features - column);
        for (std::int64_t v = first; v < first + count; v += square) {
            float* target = work.gradient + v * work.features + column;
            const std::int64_t entries = std::min<std::int64_t>(square, first + count - v);
            const bool whole = entries == square && columns == strip_columns;
            if (whole) prefetch_rows(target, work.features);
            Sums<most_vectors> sums;
            sum_over_rows(work, v, hidden, sums);
            if (whole) {
                sums.add_to(target, work.features);
                continue;
            }
            float edge[square * strip_columns];
            sums.store(edge, strip_columns);
            for (std::int64_t i = 0; i < entries; ++i) {
                for (std::int64_t c = 0; c < columns; ++c) target[i * work.features + c] += edge[i * strip_columns + c];
            }
        }
    }
}

}  // namespace plumb::kernels::loss::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
