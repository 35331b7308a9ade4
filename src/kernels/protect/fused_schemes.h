// SPDX-License-Identifier: Apache-2.0
// The fused schemes of the table: protected_attention() at its three levels, and with a reader behind it.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "kernels/attention/attention.h"
#include "kernels/protect/fault.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

std::string why_not_fused(const attention::Problem& problem);
Report run_fused(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE);
Report inject_fused(const attention::Problem& problem, const Protection& protection, const Fault& fault, std::span<std::byte> out_BNHE);

/// The same, and whoever reads the output compares each row's sum with the one that was handed on: an alarm where they differ. The reader
/// changes nothing; it has no operands to compute from.
Report run_handed_on(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE);
Report inject_handed_on(const attention::Problem& problem, const Protection& protection, const Fault& fault, std::span<std::byte> out_BNHE);

}  // namespace plumb::kernels::protect
