// SPDX-License-Identifier: Apache-2.0
// The table of attention implementations without torch: what tests, benchmarks and the family walk.
// To add one: its .cpp, its declaration in attention.h, one line of the table in implementations.cpp.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

struct Implementation {
    std::string_view name;         ///< as in `impl=fused`
    std::string_view description;  ///< one sentence for a list
    bool uses_isa;                 ///< its code depends on current_isa(); false: the same on every instruction set
    /// Empty when it can do this problem, else the reason. Does not validate sizes; run() does.
    std::string (*why_not)(const Problem& problem);
    /// Computes the whole problem into B x N x H x E contiguous numbers of problem.dtype. Throws what validate() throws, Error{usage} when
    /// `out_BNHE` has another number of bytes and Error{unsupported} where why_not() gives a reason.
    void (*run)(const Problem& problem, std::span<std::byte> out_BNHE);
};

/// run() into memory of its own, widened to fp32.
std::vector<float> run_widened(const Implementation& implementation, const Problem& problem);

/// In the order in which they are listed: from obviously right to fast.
std::span<const Implementation> implementations();
/// Throws Error{usage} with the nearest name for an unknown one.
const Implementation& implementation(std::string_view name);

}  // namespace plumb::kernels::attention
