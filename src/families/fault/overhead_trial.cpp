// SPDX-License-Identifier: Apache-2.0
#include "families/fault/overhead_trial.h"

#include "base/error.h"

namespace plumb::families::fault {

namespace {

namespace ka = kernels::attention;
namespace kp = kernels::protect;

lab::Check same_bits(const std::string& name, const base::Numbers& got, const base::Numbers& expected) {
    return lab::at_most(name, "the output that was checked", "outputs with other bits", got == expected ? 0 : 1, 0);
}

}  // namespace

OverheadTrial::OverheadTrial(const Request& request)
    : request_(request),
      prepared_(shared_case(request)),
      problem_(prepared_->problem),
      out_(output_for(problem_)),
      injected_out_(output_for(problem_)) {
    problem_.threads = request.threads;
    if (request.recovery) find_repaired_fault();
}

void OverheadTrial::find_repaired_fault() {
    const std::string scheme(request_.scheme->name);
    if (request_.protection.level != kp::Level::correct)
        throw base::Error(base::ErrorKind::unsupported, "scheme " + scheme + " repairs nothing at this level",
                          "recovery=true needs a scheme of level correct");
    for (const kp::Site site : {kp::Site::score, kp::Site::exponential, kp::Site::output}) {
        const ka::Shape& s = problem_.shape;
        const kp::Fault fault{
            .site = site, .model = kp::FaultModel::infinity, .row = s.queries / 2, .key = s.keys / 2, .column = s.value_dim / 2};
        const kp::Report report = request_.scheme->inject(problem_, request_.protection, fault, injected_out_.bytes());
        if (report.corrected == 0) continue;
        repaired_ = fault;
        return;
    }
    throw base::Error(base::ErrorKind::unsupported, "scheme " + scheme + " repaired none of the faults that were tried",
                      "leave recovery out");
}

std::vector<lab::Check> OverheadTrial::verify() {
    Ran ran = run(request_, problem_);
    Verified verified = verify_clean(request_, *prepared_, ran);
    error_ratio_ = verified.error_ratio;
    expected_ = std::move(ran.out);
    if (request_.recovery) verified.checks.push_back(same_bits("output after a repair", injected_out_, expected_));
    return verified.checks;
}

std::vector<lab::Action> OverheadTrial::actions() {
    const auto inject = [this](const kp::Fault& fault) {
        request_.scheme->inject(problem_, request_.protection, fault, injected_out_.bytes());
    };
    std::vector<lab::Action> actions = {{"run", [this] { request_.scheme->run(problem_, request_.protection, out_.bytes()); }, {}}};
    if (!request_.recovery) return actions;
    actions.push_back({"injecting code", [inject] { inject(nowhere); }, {}});
    actions.push_back({"repair", [this, inject] { inject(repaired_); }, {}});
    return actions;
}

std::vector<lab::Check> OverheadTrial::verify_after() {
    std::vector<lab::Check> checks = {same_bits("output of the last run", out_, expected_)};
    if (request_.recovery) checks.push_back(same_bits("output after the last injected run", injected_out_, expected_));
    return checks;
}

std::vector<lab::MetricValue> OverheadTrial::metrics(const std::vector<lab::Timing>& timings) {
    const lab::Timing& run = timings[0];
    const double operations = ka::operations(problem_) * 1e-9;
    std::vector<lab::MetricValue> metrics = {
        lab::estimate("time", run.median, run.samples.size()),
        lab::estimate("throughput", {operations / run.median.value, operations / run.median.high, operations / run.median.low},
                      run.samples.size()),
        lab::exact("run_heads", static_cast<double>(problem_.shape.heads)),
        lab::exact("run_batch", static_cast<double>(problem_.shape.batch)),
        lab::exact("error_ratio", error_ratio_),
    };
    if (!request_.recovery) return metrics;
    std::vector<double> longer, shares;
    for (std::size_t i = 0; i < timings[1].samples.size(); ++i) {
        longer.push_back(timings[2].samples[i] - timings[1].samples[i]);
        shares.push_back(longer.back() / timings[1].samples[i]);
    }
    metrics.push_back(lab::estimate("recovery_time", base::median_interval(longer), longer.size()));
    metrics.push_back(lab::estimate("recovery_share", base::median_interval(shares), shares.size()));
    return metrics;
}

}  // namespace plumb::families::fault
