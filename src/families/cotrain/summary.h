// SPDX-License-Identifier: Apache-2.0
// The numbers of a run: means over splits with Student's intervals, and counts.
#pragma once
#include <vector>

#include "families/cotrain/rounds.h"
#include "lab/trial.h"

namespace plumb::families::cotrain {

std::vector<lab::MetricValue> summarise(const std::vector<SplitRun*>& splits);

/// One round over all splits, a split that ended earlier with its last round: means, and for the accuracies the interval's ends.
std::vector<std::pair<std::string, double>> summarise_round(const std::vector<SplitRun*>& splits, std::int64_t round);

}  // namespace plumb::families::cotrain
