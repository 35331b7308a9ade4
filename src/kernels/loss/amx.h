// SPDX-License-Identifier: Apache-2.0
// The fused loss in the precisions medium and high, on AMX tiles.
//
// Numbers are multiplied as kernels/attention/split.h says: H, W, the exponentials and scaled H as one or two bf16, sums in fp32. The
// totals of a row are those of the rounded exponentials, and the target's row of W in dH is the rounded one. No AMX host has measured it
// yet; it was run under an emulator of one only.
#pragma once
#include "kernels/attention/attention.h"
#include "kernels/loss/blocks.h"
#include "kernels/loss/packed_weight.h"

namespace plumb::kernels::loss {

/// For medium or high, where precision_reason() is empty.
const LossKernel& amx_kernel(attention::Precision precision);

}  // namespace plumb::kernels::loss
