// SPDX-License-Identifier: Apache-2.0
#include "families/attention/trial.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/memory_watch.h"
#include "base/statistics.h"
#include "base/units.h"
#include "base/version.h"
#include "families/attention/output_file.h"
#include "families/attention/traffic.h"
#include "kernels/probe/peak.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// About 0.1 ms of multiply-adds on one core: long against the clock, short against what it is taken beside.
constexpr std::int64_t probe_rounds = 3000;
// Slower kernels are given this long to run before they are checked; past it the point would take hours.
constexpr double largest_problem_operations = 4e14;
constexpr double largest_bias_bytes = 4e9;
// Log-sum-exps take a call of their own: up to about a second of the fused kernel.
constexpr double affordable_log_sums = 5e10;

void require_affordable(const CaseKey& key) {
    const ka::Shape& shape = key.shape;
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

std::vector<float> whole_output(const ka::Problem& problem, float filled_with) {
    return std::vector<float>(static_cast<std::size_t>(ka::output_size(problem.shape)), filled_with);
}

/// `numerator` by a median: the interval from the ends of the median's.
base::Interval quotient(double numerator, const base::Interval& denominator) {
    return {numerator / denominator.value, numerator / denominator.high, numerator / denominator.low};
}

/// Two medians of independent samples.
base::Interval quotient(const base::Interval& numerator, const base::Interval& denominator) {
    return {numerator.value / denominator.value, numerator.low / denominator.high, numerator.high / denominator.low};
}

}  // namespace

AttentionTrial::AttentionTrial(Request request) : request_(std::move(request)) {
    require_affordable(request_.cases);
    cases_ = CaseSet::shared(request_.cases);
    for (std::size_t index = 0; index < cases_->kept(request_.tries); ++index) timed_.push_back(bind(index));
}

AttentionTrial::Bound AttentionTrial::bind(std::size_t index) {
    Bound bound{cases_->at(index), {}, nullptr};
    bound.problem = bound.prepared->problem;
    bound.problem.threads = request_.threads;
    bound.problem.precision = request_.precision;
    ka::validate(bound.problem);
    bound.executor = make_executor(request_.implementation, request_.isa, bound.problem);
    return bound;
}

void AttentionTrial::check(Verdicts& verdicts, Bound& bound, std::vector<float> out_BNHE) const {
    bound.executor->copy_output(out_BNHE);
    verdicts.add(*bound.prepared, std::move(out_BNHE));
}

std::vector<lab::Check> AttentionTrial::verify() {
    Verdicts verdicts(request_.implementation, request_.cases);
    for (std::size_t index = 0; index < request_.tries; ++index) {
        Bound fresh;
        if (index >= timed_.size()) fresh = bind(index);
        Bound& bound = index < timed_.size() ? timed_[index] : fresh;
        bound.executor->forward();
        // NaN where the implementation writes nothing, so that a forgotten output cannot pass.
        check(verdicts, bound, whole_output(bound.problem, std::numeric_limits<float>::quiet_NaN()));
        if (index > 0) continue;
        if (ka::operations(bound.problem) <= affordable_log_sums) verdicts.add_log_sums(*bound.prepared, bound.executor->log_sum_exps());
        // The first call has made what later ones use again: threads, tables of a library.
        const base::MemoryWatch watch;
        bound.executor->forward();
        memory_ = watch.peak();
        write_result(bound);
    }
    max_error_ = verdicts.max_error();
    error_ratio_ = verdicts.error_ratio();
    hidden_rows_ = verdicts.hidden_rows();
    nan_rows_ = verdicts.nan_rows();
    return verdicts.checks();
}

void AttentionTrial::write_result(const Bound& bound) const {
    if (request_.output.empty()) return;
    const std::map<std::string, std::string> about = {{"made by", "plumb " + base::code_version()},
                                                      {"implementation", request_.implementation},
                                                      {"layout", request_.cases.options.layout == ka::Layout::bhnd ? "bhnd" : "bnhd"}};
    write_output(request_.output, bound.problem, request_.cases.options.layout, *bound.executor, about);
}

std::vector<lab::Action> AttentionTrial::actions() {
    const auto forward = [this] {
        timed_[next_].executor->forward();
        next_ = (next_ + 1) % timed_.size();
    };
    const auto peak = [this] { probe_operations_ = kernels::probe::fma_fp32(probe_rounds, request_.threads); };
    const auto read = [this] { probe_sum_ += read_keys_and_values(timed_[next_].problem); };
    return {{"forward", forward, {}}, {"peak probe", peak, {}}, {"read probe", read, {}}};
}

std::vector<lab::Check> AttentionTrial::verify_after() {
    Verdicts verdicts(request_.implementation, request_.cases);
    for (Bound& bound : timed_) check(verdicts, bound, whole_output(bound.problem, 0));
    return verdicts.checks();
}

std::vector<lab::MetricValue> AttentionTrial::metrics(const std::vector<lab::Timing>& timings) {
    const lab::Timing& forward = timings[0];
    const lab::Timing& peak_probe = timings[1];
    const lab::Timing& read_probe = timings[2];
    const ka::Problem& problem = timed_.front().problem;
    const std::size_t samples = forward.samples.size();
    const base::Interval throughput = quotient(ka::operations(problem) * 1e-9, forward.median);
    const base::Interval peak = quotient(probe_operations_ * 1e-9, peak_probe.median);
    std::vector<lab::MetricValue> metrics = {
        lab::estimate("time", forward.median, samples),
        lab::exact("mean_time", base::mean(forward.samples)),
        lab::exact("time_spread", base::standard_deviation(forward.samples)),
        lab::estimate("throughput", throughput, samples),
        lab::estimate("peak", peak, peak_probe.samples.size()),
        lab::estimate("share_of_peak", quotient(throughput, peak), samples),
    };
    if (const double read_bytes = key_value_bytes(problem); read_bytes > 0) {
        const base::Interval bandwidth = quotient(needed_bytes(problem), forward.median);
        const base::Interval read_bandwidth = quotient(read_bytes, read_probe.median);
        metrics.push_back(lab::estimate("bandwidth", bandwidth, samples));
        metrics.push_back(lab::estimate("read_bandwidth", read_bandwidth, read_probe.samples.size()));
        metrics.push_back(lab::estimate("share_of_bandwidth", quotient(bandwidth, read_bandwidth), samples));
    }
    if (memory_) metrics.push_back(lab::exact("memory", static_cast<double>(*memory_)));
    metrics.push_back(lab::exact("max_error", max_error_));
    metrics.push_back(lab::exact("error_ratio", error_ratio_));
    metrics.push_back(lab::exact("hidden_rows", static_cast<double>(hidden_rows_)));
    metrics.push_back(lab::exact("nan_rows", static_cast<double>(nan_rows_)));
    return metrics;
}

}  // namespace plumb::families::attention
