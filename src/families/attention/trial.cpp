// SPDX-License-Identifier: Apache-2.0
#include "families/attention/trial.h"

#include <limits>

#include "base/memory_watch.h"
#include "families/attention/output_file.h"
#include "families/attention/speed.h"
#include "families/attention/traffic.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// Log-sum-exps take a call of their own: up to about a second of the fused kernel.
constexpr double affordable_log_sums = 5e10;

std::vector<float> whole_output(const ka::Problem& problem, float filled_with) {
    return std::vector<float>(static_cast<std::size_t>(ka::output_size(problem.shape)), filled_with);
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
    write_output(request_.output, bound.problem, request_.cases.options.layout, *bound.executor, request_.about());
}

std::vector<lab::Action> AttentionTrial::actions() {
    const auto forward = [this] {
        timed_[next_].executor->forward();
        next_ = (next_ + 1) % timed_.size();
    };
    const auto peak = [this] { probe_operations_ = run_peak_probe(request_.threads); };
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
    const lab::Timing& read_probe = timings[2];
    const ka::Problem& problem = timed_.front().problem;
    const std::size_t samples = forward.samples.size();
    std::vector<lab::MetricValue> metrics = speed_metrics(forward, ka::operations(problem), timings[1], probe_operations_);
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
