// SPDX-License-Identifier: Apache-2.0
// The backward pass of attention under guard.
#pragma once
#include "kernels/attention/backward.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

/// attention::fused_backward(), and a check of what it wrote: rows of P sum to 1, so for every column e of every key head
///
///   sum_m dv[m, e] = sum over heads that share the key head, and their queries that see a key, of dO[n, e]
///
/// One number a column tells whether recomputed scores, exponentials, log-sum-exps and the product P^T dO were right (as AEGIS does, OSDI
/// 2026). It does not see dq and dk beyond what they share with dv: P. Threshold: the rounding of dv's numbers, of their sum and of P,
/// times the column's sum of |dO|.
///
/// Level detect reports. Level correct computes again and compares dq, dk and dv bit by bit; a third run decides. Gradients without a fault
/// have the bits of fused_backward(). Errors: as fused_backward().
Report protected_backward(const attention::Backward& backward, const Protection& protection);

/// The check alone, of gradients that are there.
Report check_value_gradients(const attention::Backward& backward, ThresholdKind thresholds = ThresholdKind::calibrated);

}  // namespace plumb::kernels::protect
