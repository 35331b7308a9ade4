// SPDX-License-Identifier: Apache-2.0
// What precision `medium` and `high` multiply: a number as one or two bf16. Stated once, for the plain form and for the kernels, which must
// agree bit for bit.
//
//   medium   high = bf16(x);                          a b = a.high b.high
//   high     high = bf16(x), low = bf16(x - high);    a b = a.high b.high + a.high b.low + a.low b.high
//
// bf16() rounds to nearest even, so |x - high| <= 2^-8 |x| and |x - high - low| <= 2^-16 |x|; the product that is left out is below 2^-16
// |a b|. Products of two bf16 are exact in fp32, sums are fp32. As TDPBF16PS has it, a bf16 below 2^-126 counts as 0. In `high` NaN and inf
// (and what rounds to inf) stand in `low`: beside a finite `high` they would be multiplied with the other number's `low` too, and inf times
// a number of either sign is not what inf x b is.
#pragma once
#include <cmath>

#include "base/dtype.h"
#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

struct Split {
    float high = 0;
    float low = 0;
};

/// bf16(x), 0 below the smallest normal number.
inline float round_to_product(float x) {
    const float rounded = base::round_to(base::Dtype::bf16, x);
    return std::abs(rounded) < 0x1p-126F ? 0.0F : rounded;
}

/// For medium or high.
inline Split split(Precision precision, float x) {
    const float high = round_to_product(x);
    if (precision == Precision::medium) return {high, 0.0F};
    if (!std::isfinite(high)) return {0.0F, high};
    return {high, round_to_product(x - high)};
}

/// Relative error of one rounded number: 2^-8 or 2^-16.
constexpr double product_rounding(Precision precision) {
    constexpr double unit = base::rounding_unit(base::Dtype::bf16);
    return precision == Precision::highest ? base::rounding_unit(base::Dtype::fp32) : precision == Precision::high ? unit * unit : unit;
}

}  // namespace plumb::kernels::attention
