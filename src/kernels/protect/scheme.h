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
    Level level = Level::none;  ///< what it does unless it is told otherwise, and the most that it can do
    bool modelled = false;      ///< somebody else's design with its thresholds: that it alarms without a fault is a finding, not a mistake
    std::span<const Site> sites = {};  ///< that inject() knows; empty: inject is null
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
