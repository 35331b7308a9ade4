// SPDX-License-Identifier: Apache-2.0
// How far two sums that are equal in exact arithmetic may differ: the sum of a row of scores (or of a column, or of all) against the
// product with summed operands, and the sum of a row of outputs against p (sums of values). Unit u = 2^-24, gamma(n) = n u / (1 - n u).
//
// Provable (Higham, Accuracy and Stability, chapter 3): a score is D fused multiply-adds; sums of a check take `check_chunk` additions in
// fp32 and go on in fp64, whose unit is 2^-29 of u and hides in the next integer. With A the same sum over |q| |k|:
//   scores:  |difference| <= gamma(D + 2 check_chunk + 2) A        D for the scores, a chunk for their sum, a chunk for the operand's sum
//   outputs: |difference| <= gamma(output_block_keys + blocks + 3 check_chunk + 4) A,  A = sum p |v| <= largest |v|_1 (1 + 2^-10),
//            since probabilities were divided by their sum
// A sum of all rows: the sum of the rows' bounds.
//
// Calibrated: rounding errors are independent to good approximation, so they add as squares (Higham and Mary, 2019). An error is at most u
// of its partial sum, on average of squares u / sqrt(3). A chain of n terms of equal sign has partial sums up to its whole, so it adds
// n / 3 of (u whole)^2 at most; a chunk of c terms of equal size adds c^3 / 9 of (u term)^2, which over M / c chunks is c^2 M / 9. With R
// effective rows (unfused_memory.h) under a sum:
//   scores:  sigma = u A sqrt((D / 3 + 2 check_chunk^2 / 9) / R)
//   outputs: sigma = u A sqrt((output_block_keys + blocks + check_chunk) / 3 / R_values + check_chunk / 3 + 1)
// and the threshold is `sigmas` of them: in 10^7 comparisons of each type over five distributions no clean residual came near it (heavy
// tails came nearest, docs/fault.md). Numbers of both signs have partial sums far below what is assumed here.
// Rows that are equal have equal errors, which add up: keys that are all alike alarm, and end as false alarms.
#pragma once
#include <cmath>

#include "kernels/protect/protection.h"
#include "kernels/protect/unfused_memory.h"

namespace plumb::kernels::protect {

inline constexpr double unit = 0x1p-24;
inline constexpr double sigmas = 4;

inline double gamma(double roundings) {
    return roundings * unit / (1 - roundings * unit);
}

/// `magnitude`: A. `effective`: R, product of both operands' where the sum runs over both.
inline double score_threshold(const HeadMemory& memory, ThresholdKind kind, double magnitude, double effective) {
    const auto dim = static_cast<double>(memory.head_dim);
    constexpr auto chunk = static_cast<double>(check_chunk);
    if (kind == ThresholdKind::provable) return gamma(dim + 2 * chunk + 2) * magnitude;
    return sigmas * unit * magnitude * std::sqrt((dim / 3 + 2 * chunk * chunk / 9) / effective);
}

inline double output_threshold(const HeadMemory& memory, ThresholdKind kind) {
    const double blocks = std::ceil(static_cast<double>(memory.keys) / static_cast<double>(output_block_keys));
    constexpr auto chunk = static_cast<double>(check_chunk);
    constexpr auto block = static_cast<double>(output_block_keys);
    const double magnitude = memory.largest_value_sum * (1 + 0x1p-10);
    if (kind == ThresholdKind::provable) return gamma(block + blocks + 3 * chunk + 4) * magnitude;
    return sigmas * unit * magnitude * std::sqrt((block + blocks + chunk) / 3 / memory.effective_values + chunk / 3 + 1);
}

}  // namespace plumb::kernels::protect
