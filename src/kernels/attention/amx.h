// SPDX-License-Identifier: Apache-2.0
// fused() in the precisions medium and high, on AMX tiles. What fused() promises in attention.h holds, and besides:
//
// - Numbers are multiplied as split.h says. Exponentials are rounded to the same parts, and row sums are those of the rounded ones.
// - Scores, their scale and their bias are finite in fp32 where they decide something; a number above 3.389e38 rounds to inf in bf16.
// - An output may pass the largest fp32 number on the way where the largest |v| is above 2^118 / M.
// - Rows of few queries fill 32 lanes all the same, and keys are not cut: decoding uses little of the tiles and one thread per key head.
// - No AMX host has measured it yet; it was run under an emulator of one only.
#pragma once
#include <string>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// Why fused() cannot do this precision on the instruction set in use; empty where it can, and for highest.
std::string fused_precision_reason(Precision precision);

/// For a validated problem of precision medium or high that has some output, where fused_precision_reason() is empty.
void fused_amx(const Problem& problem, void* out, const Strides& out_strides, float* lse_BHN);

}  // namespace plumb::kernels::attention
