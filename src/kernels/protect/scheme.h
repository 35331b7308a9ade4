// SPDX-License-Identifier: Apache-2.0
// Ways to protect attention, ours and those of others, as one table: what can be timed, injected into and compared.
// To add one: a .cpp here and one line of the table in schemes.cpp; tests, campaign and benchmarks walk the table.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/protect/fault.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

struct Scheme {
    std::string_view name;
    std::string_view summary;
    std::string_view baseline;  ///< the scheme that does the same work without protection; its own name: it is one
    bool detects = false;
    bool corrects = false;
    std::span<const Site> sites;  ///< that inject() knows
    /// Why the scheme cannot do the problem; empty: it can.
    std::string (*reason)(const attention::Problem& problem) = nullptr;
    /// Writes B x N x H x E numbers of problem.dtype, contiguous. No code for injection in it.
    Report (*run)(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE) = nullptr;
    /// The same arithmetic with one fault in it; without the fault: the same bits as run().
    Report (*inject)(const attention::Problem& problem, const Protection& protection, const Fault& fault,
                     std::span<std::byte> out_BNHE) = nullptr;
};

std::span<const Scheme> schemes();
/// Throws Error{usage} with the nearest name.
const Scheme& scheme(std::string_view name);

}  // namespace plumb::kernels::protect
