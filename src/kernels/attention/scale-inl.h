// SPDX-License-Identifier: Apache-2.0
// Sizes that decide the speed, and who carries the scale of the scores. Included once per instruction set.
#if defined(PLUMB_ATTENTION_SCALE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_SCALE_INL_H_
#undef PLUMB_ATTENTION_SCALE_INL_H_
#else
#define PLUMB_ATTENTION_SCALE_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

// Scores of a sub-tile and block take 24 KB. Rows of a sub-tile fill whole register blocks of both products.
inline constexpr std::int64_t sub_rows = 48;
inline constexpr std::int64_t tile_rows = 4 * sub_rows;
inline constexpr std::int64_t block_keys = 128;

/// Above it the lanes of accumulate() are filled well enough.
inline constexpr std::int64_t most_few_rows = 8;

/// log2(e) x scale = query_factor x exponent_scale (without a bias); with one, the score is bias_scale x (q k) + bias.
struct ScaleSplit {
    double query_factor = 1;
    float bias_scale = 1;
    float exponent_scale = 1;
};

/// The scale goes into q where that is sure to lose nothing: numbers of q that become denormal, or too large, must not decide a score. With
/// a bias, scores stay natural logarithms, because the bias is.
inline ScaleSplit split_scale(const Tile& tile, bool biased, float largest_q) {
    const double magnitude = std::abs(tile.scale);
    const double scaled = largest_q * magnitude;
    if (!biased && scaled > 0x1p-100 && scaled < 0x1p100) return {.query_factor = tile.scale * std::numbers::log2e};
    const bool ordinary = magnitude > 0x1p-60 && magnitude < 0x1p60;
    const double left = ordinary ? magnitude : 1.0;  // what q does not carry
    return {.query_factor = ordinary ? std::copysign(1.0, tile.scale) : tile.scale,
            .bias_scale = static_cast<float>(left),
            .exponent_scale = static_cast<float>((biased ? 1.0 : left) * std::numbers::log2e)};
}

inline float largest_magnitude(const float* numbers, std::int64_t count) {
    const Floats d;
    Vector largest = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, numbers + i)));
    float found = hn::GetLane(hn::MaxOfLanes(d, largest));
    for (; i < count; ++i) found = std::max(found, std::abs(numbers[i]));
    return found;
}

/// Maxima become powers of two, whatever scale the scores had.
inline void finish_maxima(std::int64_t rows, float exponent_scale, const RowState& state) {
    for (std::int64_t t = 0; t < rows; ++t) {
        float& maximum = state.maximum_T[t];
        if (maximum != no_maximum) maximum = static_cast<float>(static_cast<double>(maximum) * exponent_scale);
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
