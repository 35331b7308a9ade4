// SPDX-License-Identifier: Apache-2.0
#include "families/compression/break_even.h"

#include <algorithm>
#include <limits>

namespace plumb::families::compression {

namespace {

lab::MetricValue worth_below(const std::string& name, double ratio, const base::Interval& combined) {
    const double saved = std::max(0.0, 1 - 1 / ratio);
    return lab::estimate(name, {saved * combined.value, saved * combined.low, saved * combined.high}, 1);
}

/// Of two steps, one after the other.
double in_series(double first, double second) {
    return 1 / (1 / first + 1 / second);
}

}  // namespace

std::vector<lab::MetricValue> break_even(double ratio_with_metadata, const Throughputs& throughputs) {
    std::vector<lab::MetricValue> metrics;
    if (!throughputs.decompress) return metrics;
    const base::Interval& read = *throughputs.decompress;
    metrics.push_back(worth_below("break_even_read", ratio_with_metadata, read));
    if (!throughputs.compress) return metrics;
    const base::Interval& write = *throughputs.compress;
    metrics.push_back(worth_below("break_even", ratio_with_metadata,
                                  {in_series(write.value, read.value), in_series(write.low, read.low), in_series(write.high, read.high)}));
    return metrics;
}

lab::MetricValue per_utilisation(const std::string& name, const base::Interval& throughput, const lab::MetricValue& utilisation) {
    const double high = utilisation.low > 0 ? throughput.high / utilisation.low : std::numeric_limits<double>::infinity();
    return lab::estimate(name, {throughput.value / utilisation.value, throughput.low / utilisation.high, high}, 1);
}

}  // namespace plumb::families::compression
