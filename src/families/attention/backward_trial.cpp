// SPDX-License-Identifier: Apache-2.0
#include "families/attention/backward_trial.h"

#include <limits>
#include <utility>

#include "base/error.h"
#include "base/memory_watch.h"
#include "families/attention/output_file.h"
#include "families/attention/speed.h"

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

/// Before inputs and references are made: what can be said without them.
void require_offered(const Request& request) {
    const std::string reason = why_no_backward(request.implementation, request.precision, request.cases.options.dtype);
    if (!reason.empty()) throw base::Error(base::ErrorKind::unsupported, "impl " + request.implementation + ": " + reason);
}

}  // namespace

BackwardTrial::BackwardTrial(Request request) : request_(std::move(request)) {
    require_affordable(request_.cases);
    require_offered(request_);
    cases_ = CaseSet::shared(request_.cases);
    for (std::size_t index = 0; index < cases_->kept(request_.tries); ++index) timed_.push_back(bind(index));
}

BackwardTrial::Bound BackwardTrial::bind(std::size_t index) {
    Bound bound{cases_->at(index), {}, nullptr};
    bound.backward = bound.prepared->gradients->backward();
    bound.backward.problem.threads = request_.threads;
    bound.backward.problem.precision = request_.precision;
    ka::validate(bound.backward.problem);
    bound.executor = make_gradient_executor(request_.implementation, request_.isa, bound.backward, request_.cases.options.layout);
    return bound;
}

GradientArrays BackwardTrial::copied(const Bound& bound, float filled_with) const {
    GradientArrays gradients(bound.backward.problem.shape, filled_with);
    bound.executor->copy_gradients(gradients.spans());
    return gradients;
}

std::vector<lab::Check> BackwardTrial::verify() {
    GradientVerdicts verdicts(request_.implementation, request_.cases);
    for (std::size_t index = 0; index < request_.tries; ++index) {
        Bound fresh;
        if (index >= timed_.size()) fresh = bind(index);
        Bound& bound = index < timed_.size() ? timed_[index] : fresh;
        bound.executor->backward();
        const GradientArrays gradients = copied(bound, std::numeric_limits<float>::quiet_NaN());
        verdicts.add(*bound.prepared, gradients);
        if (index > 0) continue;
        // The first call has made what later ones use again: threads, tables of a library.
        const base::MemoryWatch watch;
        bound.executor->backward();
        memory_ = watch.peak();
        if (!request_.output.empty())
            write_gradients(request_.output, bound.backward.problem, request_.cases.options.layout, gradients, request_.about());
    }
    max_error_ = verdicts.max_error();
    error_ratio_ = verdicts.error_ratio();
    hidden_rows_ = verdicts.hidden_rows();
    return verdicts.checks();
}

std::vector<lab::Action> BackwardTrial::actions() {
    const auto backward = [this] {
        timed_[next_].executor->backward();
        next_ = (next_ + 1) % timed_.size();
    };
    const auto peak = [this] { probe_operations_ = run_peak_probe(request_.threads); };
    return {{"backward", backward, {}}, {"peak probe", peak, {}}};
}

std::vector<lab::Check> BackwardTrial::verify_after() {
    GradientVerdicts verdicts(request_.implementation, request_.cases);
    for (const Bound& bound : timed_) verdicts.add(*bound.prepared, copied(bound, 0));
    return verdicts.checks();
}

std::vector<lab::MetricValue> BackwardTrial::metrics(const std::vector<lab::Timing>& timings) {
    const ka::Problem& problem = timed_.front().backward.problem;
    std::vector<lab::MetricValue> metrics = speed_metrics(timings[0], ka::backward_operations(problem), timings[1], probe_operations_);
    if (memory_) metrics.push_back(lab::exact("memory", static_cast<double>(*memory_)));
    metrics.push_back(lab::exact("max_error", max_error_));
    metrics.push_back(lab::exact("error_ratio", error_ratio_));
    metrics.push_back(lab::exact("hidden_rows", static_cast<double>(hidden_rows_)));
    return metrics;
}

}  // namespace plumb::families::attention
