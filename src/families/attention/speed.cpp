// SPDX-License-Identifier: Apache-2.0
#include "families/attention/speed.h"

#include "base/error.h"
#include "base/units.h"
#include "kernels/probe/peak.h"

namespace plumb::families::attention {

namespace {

constexpr std::int64_t probe_rounds = 3000;
// Slower kernels are given this long to run before they are checked; past it the point would take hours.
constexpr double largest_problem_operations = 4e14;
constexpr double largest_bias_bytes = 4e9;

}  // namespace

void require_affordable(const CaseKey& key) {
    const kernels::attention::Shape& shape = key.shape;
    const double pairs =
        static_cast<double>(shape.batch * shape.heads) * static_cast<double>(shape.queries) * static_cast<double>(shape.keys);
    const double operations = 2.0 * pairs * static_cast<double>(shape.head_dim + shape.value_dim);
    if (operations > largest_problem_operations) {
        throw base::Error(base::ErrorKind::unsupported,
                          "a problem of " + base::format_number(operations) + " operations would run for hours",
                          "choose fewer heads, records, queries or keys");
    }
    const double bias_bytes = pairs * sizeof(float);
    if (key.options.bias && key.file.empty() && bias_bytes > largest_bias_bytes) {
        throw base::Error(base::ErrorKind::unsupported, "a bias of " + base::format_size(bias_bytes),
                          "at most " + base::format_size(largest_bias_bytes) + ": choose fewer heads, records, queries or keys");
    }
}

double run_peak_probe(int threads) {
    return kernels::probe::fma_fp32(probe_rounds, threads);
}

base::Interval quotient(double numerator, const base::Interval& denominator) {
    return {numerator / denominator.value, numerator / denominator.high, numerator / denominator.low};
}

base::Interval quotient(const base::Interval& numerator, const base::Interval& denominator) {
    return {numerator.value / denominator.value, numerator.low / denominator.high, numerator.high / denominator.low};
}

std::vector<lab::MetricValue> speed_metrics(const lab::Timing& call, double operations, const lab::Timing& probe, double probe_operations) {
    const std::size_t samples = call.samples.size();
    const base::Interval throughput = quotient(operations * 1e-9, call.median);
    const base::Interval peak = quotient(probe_operations * 1e-9, probe.median);
    return {
        lab::estimate("time", call.median, samples),
        lab::exact("mean_time", base::mean(call.samples)),
        lab::exact("time_spread", base::standard_deviation(call.samples)),
        lab::estimate("throughput", throughput, samples),
        lab::estimate("peak", peak, probe.samples.size()),
        lab::estimate("share_of_peak", quotient(throughput, peak), samples),
    };
}

}  // namespace plumb::families::attention
