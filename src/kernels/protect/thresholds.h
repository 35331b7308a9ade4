// SPDX-License-Identifier: Apache-2.0
// How far a checksum may be from what it sums without a fault. Residuals are measured by the row's own numbers, never by a constant, so
// that neither the scale of the inputs nor outliers move the thresholds. u = 2^-24, gamma(n) = n u / (1 - n u) (Higham 2002, 3.1).
//
//   provable    scores   2 gamma(D + J + 26) b |q| . max(sum |k|)   D multiply-adds each way; J additions along a block, 8 from block to
//                                                                   block on both sides; the sum of the keys 9 times, q's scaling once
//               outputs  2 gamma(J + B + E + 8) l max(sum |v|)      J multiply-adds of a block, one more for each of B blocks and each
//                                                                   split; E additions along the row; encoding, normaliser, comparison
//   calibrated  scores   32 u b |q| . max(sum |k|)
//               outputs  16 u (C + sum |o| + beta l) + 8 u / sqrt(E) l max(sum |v|)   C = sum over the blocks of what each added to the
//               checksums
//
// b: blocks compared together. A running sum is rounded by at most u times what it is at that moment, so the noise of a row is about as
// large as the numbers that its own sums went through (C and the outputs), which may be far below the largest that they could have been:
// the calibrated threshold follows the former, with a share of the latter for sums that cancel inside a block. The factors are four to ten
// times the largest residual of clean rows over all distributions of attention/inputs.h (docs/fault.md).
#pragma once
#include "kernels/attention/prepare.h"
#include "kernels/protect/guarded_tile.h"

namespace plumb::kernels::protect {

ThresholdFactors thresholds(ThresholdKind kind, const attention::Shape& shape, const attention::Plan& plan, std::int64_t block_keys);

}  // namespace plumb::kernels::protect
