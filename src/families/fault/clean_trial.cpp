// SPDX-License-Identifier: Apache-2.0
#include "families/fault/clean_trial.h"

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "families/fault/parallel.h"

namespace plumb::families::fault {

namespace {

constexpr std::int64_t most_noted_alarms = 20;
constexpr std::int64_t drawn_at_once = 4;
constexpr std::int64_t runs_at_once = drawn_at_once * drawn_at_once * drawn_at_once;

}  // namespace

std::vector<lab::Check> CleanTrial::verify() {
    std::vector<lab::Check> checks = verify_clean(request_, *prepared_, fault::run(request_, prepared_->problem)).checks;
    // Alarms are what this task counts, so they are not what it fails on.
    std::erase_if(checks, [](const lab::Check& check) { return check.name == "no alarm without a fault"; });
    return checks;
}

std::vector<kernels::protect::Report> CleanTrial::run_batch(std::int64_t batch) const {
    const base::RandomStream seeds(request_.seed, "fault clean run");
    std::vector<kernels::attention::Inputs> drawn(drawn_at_once);
    in_parallel(request_.threads, drawn_at_once, [&](std::int64_t i) {
        const std::uint64_t seed = seeds.bits(static_cast<std::uint64_t>(batch * drawn_at_once + i));
        drawn[static_cast<std::size_t>(i)] = kernels::attention::make_inputs(request_.shape, request_.options, request_.distribution, seed);
    });
    std::vector<kernels::protect::Report> reports(runs_at_once);
    in_parallel(request_.threads, runs_at_once, [&](std::int64_t i) {
        const auto of = [&](std::int64_t which) { return drawn[static_cast<std::size_t>(which % drawn_at_once)].problem(); };
        kernels::attention::Problem problem = of(i);
        problem.k = of(i / drawn_at_once).k;
        problem.v = of(i / drawn_at_once / drawn_at_once).v;
        reports[static_cast<std::size_t>(i)] = fault::run(request_, problem).report;
    });
    return reports;
}

void CleanTrial::note_alarm(const kernels::protect::Report& report, std::int64_t run, std::int64_t& noted) const {
    if (report.evidence.empty() || ++noted > most_noted_alarms) return;
    context_.log("clean run " + std::to_string(run) + ": " + kernels::protect::describe(report.evidence.front()));
}

void CleanTrial::run(lab::Recorder& recorder) {
    recorder.rewind(0);
    std::int64_t noted = 0;
    kernels::protect::Report all;
    std::int64_t runs = 0;
    while (all.row_checks < request_.row_checks) {
        if (recorder.stop_requested()) throw base::Error(base::ErrorKind::interrupted, "stopped after " + std::to_string(runs) + " runs");
        for (const kernels::protect::Report& report : run_batch(runs / runs_at_once)) {
            note_alarm(report, runs++, noted);
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
