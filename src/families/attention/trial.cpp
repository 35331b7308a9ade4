// SPDX-License-Identifier: Apache-2.0
#include "families/attention/trial.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/statistics.h"
#include "families/attention/verdicts.h"
#include "kernels/probe/peak.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

// About 0.1 ms of multiply-adds on one core: long against the clock, short against what it is taken beside.
constexpr std::int64_t probe_rounds = 3000;
// Slower kernels are given this long to run before they are checked; past it the point would take hours.
constexpr double largest_problem_operations = 4e14;

template <class T>
const T& setting(const lab::Settings& settings, std::string_view name) {
    return std::get<T>(*lab::find(settings, name));
}

ka::MaskKind mask_kind(const std::string& name) {
    if (name == "boolean") return ka::MaskKind::boolean;
    if (name == "key_padding") return ka::MaskKind::key_padding;
    return name == "causal" ? ka::MaskKind::causal : ka::MaskKind::none;
}

/// a and b are medians of independent samples: the interval of a / b from the ends of theirs.
base::Interval quotient(double numerator, const base::Interval& denominator) {
    return {numerator / denominator.value, numerator / denominator.high, numerator / denominator.low};
}

}  // namespace

Request read_request(const lab::Settings& settings, std::uint64_t seed) {
    const std::string& stage = setting<std::string>(settings, "stage");
    Request request;
    ka::Shape& shape = request.cases.shape;
    shape.batch = stage == "batch" ? setting<std::int64_t>(settings, "batch") : 1;
    shape.heads = stage == "queries" ? 1 : setting<std::int64_t>(settings, "heads");
    shape.queries = setting<std::int64_t>(settings, "queries");
    shape.keys = setting<std::int64_t>(settings, "keys");
    shape.head_dim = setting<std::int64_t>(settings, "head_dim");
    shape.value_dim = setting<std::int64_t>(settings, "value_dim");
    request.cases.mask = mask_kind(setting<std::string>(settings, "mask"));
    request.cases.layout = setting<std::string>(settings, "layout") == "bhnd" ? ka::Layout::bhnd : ka::Layout::bnhd;
    request.cases.distribution = setting<std::string>(settings, "inputs");
    request.cases.seed = seed;
    request.implementation = setting<std::string>(settings, "impl");
    request.isa = setting<std::string>(settings, "isa");
    request.threads = static_cast<int>(setting<std::int64_t>(settings, "threads"));
    request.tries = static_cast<std::size_t>(setting<std::int64_t>(settings, "tries"));
    return request;
}

AttentionTrial::AttentionTrial(Request request) : request_(std::move(request)) {
    const ka::Shape& shape = request_.cases.shape;
    const double operations = 2.0 * static_cast<double>(shape.batch * shape.heads) * static_cast<double>(shape.queries) *
                              static_cast<double>(shape.keys) * static_cast<double>(shape.head_dim + shape.value_dim);
    if (operations > largest_problem_operations) {
        throw base::Error(base::ErrorKind::unsupported, "a problem of " + std::to_string(operations) + " operations would run for hours",
                          "choose fewer heads, records, queries or keys");
    }
    cases_ = CaseSet::shared(request_.cases);
    for (std::size_t index = 0; index < cases_->kept(request_.tries); ++index) timed_.push_back(bind(index));
}

AttentionTrial::Bound AttentionTrial::bind(std::size_t index) {
    Bound bound{cases_->at(index), nullptr};
    ka::Problem problem = bound.prepared->inputs.problem();
    problem.threads = request_.threads;
    ka::validate(problem);
    bound.executor = make_executor(request_.implementation, request_.isa, problem);
    return bound;
}

std::vector<lab::Check> AttentionTrial::verify() {
    Verdicts verdicts(request_.implementation, request_.cases.distribution);
    for (std::size_t index = 0; index < request_.tries; ++index) {
        Bound fresh;
        if (index >= timed_.size()) fresh = bind(index);
        Bound& bound = index < timed_.size() ? timed_[index] : fresh;
        const ka::Shape& shape = bound.prepared->inputs.shape;
        // NaN where the implementation writes nothing, so that a forgotten output cannot pass.
        std::vector<float> out(static_cast<std::size_t>(shape.batch * shape.queries * shape.heads * shape.value_dim),
                               std::numeric_limits<float>::quiet_NaN());
        bound.executor->forward();
        bound.executor->copy_output(out);
        verdicts.add(*bound.prepared, std::move(out));
    }
    max_error_ = verdicts.max_error();
    error_ratio_ = verdicts.error_ratio();
    hidden_rows_ = verdicts.hidden_rows();
    nan_rows_ = verdicts.nan_rows();
    return verdicts.checks();
}

std::vector<lab::Action> AttentionTrial::actions() {
    const auto forward = [this] {
        timed_[next_].executor->forward();
        next_ = (next_ + 1) % timed_.size();
    };
    const auto probe = [this] { probe_operations_ = kernels::probe::fma_fp32(probe_rounds, request_.threads); };
    return {{"forward", forward, {}}, {"peak probe", probe, {}}};
}

std::vector<lab::Check> AttentionTrial::verify_after() {
    Verdicts verdicts(request_.implementation, request_.cases.distribution);
    for (const Bound& bound : timed_) {
        const ka::Shape& shape = bound.prepared->inputs.shape;
        std::vector<float> out(static_cast<std::size_t>(shape.batch * shape.queries * shape.heads * shape.value_dim));
        bound.executor->copy_output(out);
        verdicts.add(*bound.prepared, std::move(out));
    }
    return verdicts.checks();
}

std::vector<lab::MetricValue> AttentionTrial::metrics(const std::vector<lab::Timing>& timings) {
    const lab::Timing& forward = timings[0];
    const lab::Timing& probe = timings[1];
    const std::size_t samples = forward.samples.size();
    const double operations = ka::operations(timed_.front().prepared->inputs.problem()) * 1e-9;
    const base::Interval throughput = quotient(operations, forward.median);
    const base::Interval peak = quotient(probe_operations_ * 1e-9, probe.median);
    std::vector<lab::MetricValue> metrics = {
        lab::estimate("time", forward.median, samples),
        lab::exact("mean_time", base::mean(forward.samples)),
        lab::exact("time_spread", base::standard_deviation(forward.samples)),
        lab::estimate("throughput", throughput, samples),
        lab::estimate("peak", peak, probe.samples.size()),
        lab::estimate("share_of_peak", {throughput.value / peak.value, throughput.low / peak.high, throughput.high / peak.low}, samples),
        lab::exact("max_error", max_error_),
        lab::exact("error_ratio", error_ratio_),
        lab::exact("hidden_rows", static_cast<double>(hidden_rows_)),
        lab::exact("nan_rows", static_cast<double>(nan_rows_)),
    };
    return metrics;
}

}  // namespace plumb::families::attention
