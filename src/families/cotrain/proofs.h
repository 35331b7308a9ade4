// SPDX-License-Identifier: Apache-2.0
// What is shown about a run before and after it, apart from the code that made it.
#pragma once
#include <cstdint>
#include <vector>

#include "families/cotrain/request.h"
#include "lab/check.h"

namespace plumb::families::cotrain {

/// The sets at the start of every split, and the learners of both views on the first.
std::vector<lab::Check> checks_before(const Request& request, std::uint64_t seed);

/// The ledger of every split replayed round by round against the sets that were trained on, and the last models fitted again from it.
std::vector<lab::Check> checks_after(const Request& request, const std::vector<SplitRun*>& splits);

/// Pseudo-labels by view that the ledger says were in force when the models of `round` were fitted; by rising sample.
struct Replayed {
    std::vector<Example> pseudo[2];
};
Replayed replay(const std::vector<LedgerRow>& ledger, std::int64_t round, const Options& options);

}  // namespace plumb::families::cotrain
