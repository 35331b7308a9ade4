// SPDX-License-Identifier: Apache-2.0
// The part of a problem that is checked against fp64: all queries, or a sample of them where all would take minutes.
// Legend: S queries that are checked.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// S indices, ascending, the same in every head and record. One for each stratum of the queries, so that no region of the output goes
/// unseen; the ends are always among them.
std::vector<std::int64_t> choose_queries(const kernels::attention::Shape& shape, std::uint64_t seed);

/// Those queries as a problem of their own. k and v are borrowed from `whole`, and q, mask and bias are written to `owned`: the mask pair
/// by pair, because causality and windows depend on the place of a query.
kernels::attention::Problem checked_problem(const kernels::attention::Problem& whole, const std::vector<std::int64_t>& queries,
                                            kernels::attention::Inputs& owned);

}  // namespace plumb::families::attention
