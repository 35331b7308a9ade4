// SPDX-License-Identifier: Apache-2.0
// What throughputs, ratio and utilisation say together.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "lab/trial.h"

namespace plumb::families::compression {

/// Original bytes a second; empty where the direction was not timed.
struct Throughputs {
    std::optional<base::Interval> compress;
    std::optional<base::Interval> decompress;
};

/// The link speed below which sending compressed data takes less time than sending it raw, one step after the other. n bytes at link speed
/// b, ratio r (with metadata), throughputs c and d: n/b > n/c + n/(r b) + n/d, so b < (1 - 1/r) / (1/c + 1/d): metric "break_even".
/// Where the data was compressed once and is read often, 1/c falls away: "break_even_read". 0 where r <= 1: never worth it. Intervals come
/// from the ends of the throughputs'.
std::vector<lab::MetricValue> break_even(double ratio_with_metadata, const Throughputs& throughputs);

/// Throughput by utilisation, what full use would give if all else scaled; the interval from the ends of both. An unbounded upper end where
/// the utilisation may be 0.
lab::MetricValue per_utilisation(const std::string& name, const base::Interval& throughput, const lab::MetricValue& utilisation);

}  // namespace plumb::families::compression
