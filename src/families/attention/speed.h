// SPDX-License-Identifier: Apache-2.0
// What both directions share when they are timed: how large a problem may be, the probe beside the calls, and the numbers of a speed.
#pragma once
#include <vector>

#include "base/statistics.h"
#include "families/attention/cases.h"
#include "lab/meter.h"
#include "lab/trial.h"

namespace plumb::families::attention {

/// Throws Error{unsupported} for what would run for hours or take more memory than a machine has.
void require_affordable(const CaseKey& key);

/// About 0.1 ms of multiply-adds: long against the clock, short against what it is taken beside. Returns the operations.
double run_peak_probe(int threads);

/// `numerator` by a median: the interval from the ends of the median's.
base::Interval quotient(double numerator, const base::Interval& denominator);
/// Two medians of independent samples.
base::Interval quotient(const base::Interval& numerator, const base::Interval& denominator);

/// time, mean_time, time_spread, throughput, peak, share_of_peak of a call of so many operations.
std::vector<lab::MetricValue> speed_metrics(const lab::Timing& call, double operations, const lab::Timing& probe, double probe_operations);

}  // namespace plumb::families::attention
