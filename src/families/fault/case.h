// SPDX-License-Identifier: Apache-2.0
// Inputs of a point and what its outputs must be; made once for all schemes that are measured together.
#pragma once
#include <memory>
#include <vector>

#include "families/fault/request.h"
#include "lab/check.h"

namespace plumb::families::fault {

struct Case {
    kernels::attention::Inputs inputs;
    kernels::attention::Problem problem;  ///< one thread
    /// Some queries of every head: all of them unless that would take seconds. Evenly spaced, under a causal mask the last ones.
    kernels::attention::Problem checked;
    std::int64_t first_checked = 0;
    std::int64_t step = 1;
    std::vector<double> reference;  ///< of `checked`, fp64
    std::vector<float> plain;       ///< of `checked`, the yardstick

    std::vector<float> checked_part(const base::Numbers& out_BNHE) const;
};

/// The one that a living point already uses, else a new one.
std::shared_ptr<const Case> shared_case(const Request& request);

/// One clean run: the output, and what the scheme says about it.
struct Ran {
    base::Numbers out;
    kernels::protect::Report report;
};
base::Numbers output_for(const kernels::attention::Problem& problem);
Ran run(const Request& request, const kernels::attention::Problem& problem);
/// Matches no number of any problem.
inline constexpr kernels::protect::Fault nowhere{.key_head = -1, .row = -1, .key = -1, .column = -1};

struct Verified {
    std::vector<lab::Check> checks;
    double error_ratio = 0;
};
/// The output of a clean run: against fp64 by the accuracy rule; bit by bit against the scheme's own run without protection, and against
/// the injecting code without a fault; and that it raises no alarm, nor do runs on seven other inputs.
Verified verify_clean(const Request& request, const Case& prepared, const Ran& ran);

}  // namespace plumb::families::fault
