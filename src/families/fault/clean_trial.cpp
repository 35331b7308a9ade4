// SPDX-License-Identifier: Apache-2.0
#include "families/fault/clean_trial.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"

namespace plumb::families::fault {

namespace {

constexpr std::int64_t runs_at_once = 64;

}  // namespace

std::vector<lab::Check> CleanTrial::verify() {
    std::vector<lab::Check> checks = verify_clean(request_, *prepared_, fault::run(request_, prepared_->problem)).checks;
    // Alarms are what this task counts, so they are not what it fails on.
    std::erase_if(checks, [](const lab::Check& check) { return check.name == "no alarm without a fault"; });
    return checks;
}

kernels::protect::Report CleanTrial::run_clean(std::int64_t index) const {
    const std::uint64_t seed = base::RandomStream(request_.seed, "fault clean run").bits(static_cast<std::uint64_t>(index));
    const auto inputs = kernels::attention::make_inputs(request_.shape, request_.options, request_.distribution, seed);
    return fault::run(request_, inputs.problem()).report;
}

void CleanTrial::run(lab::Recorder& recorder) {
    recorder.rewind(0);
    kernels::protect::Report all;
    std::int64_t runs = 0;
    while (all.row_checks < request_.row_checks) {
        if (recorder.stop_requested()) throw base::Error(base::ErrorKind::interrupted, "stopped after " + std::to_string(runs) + " runs");
        std::vector<kernels::protect::Report> reports(runs_at_once);
        std::atomic<std::int64_t> next = 0;
        const auto work = [&] {
            for (std::int64_t i = next++; i < runs_at_once; i = next++) reports[static_cast<std::size_t>(i)] = run_clean(runs + i);
        };
        std::vector<std::jthread> others;
        for (int thread = 1; thread < request_.threads; ++thread) others.emplace_back(work);
        work();
        others.clear();
        runs += runs_at_once;
        for (const kernels::protect::Report& report : reports) {
            all.row_checks += report.row_checks;
            all.alarms += report.alarms;
            all.largest_residual = std::max(all.largest_residual, report.largest_residual);
        }
        if (all.row_checks == 0) throw base::Error(base::ErrorKind::unsupported, "this scheme compares nothing", "choose one that checks");
        recorder.step(runs - 1, {{"row_checks", static_cast<double>(all.row_checks)}, {"clean_alarms", static_cast<double>(all.alarms)}});
    }
    recorder.result(lab::exact("row_checks", static_cast<double>(all.row_checks)));
    recorder.result(lab::exact("clean_alarms", static_cast<double>(all.alarms)));
    recorder.result(lab::estimate("clean_alarm_rate", base::wilson(std::min(all.alarms, all.row_checks), all.row_checks),
                                  static_cast<std::size_t>(all.row_checks)));
    recorder.result(lab::exact("largest_residual", all.largest_residual));
    recorder.result(lab::exact("clean_runs", static_cast<double>(runs)));
}

}  // namespace plumb::families::fault
