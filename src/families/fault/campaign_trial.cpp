// SPDX-License-Identifier: Apache-2.0
#include "families/fault/campaign_trial.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "families/fault/draw.h"
#include "families/fault/parallel.h"

namespace plumb::families::fault {

namespace {

namespace kp = kernels::protect;

/// Trials between two looks at the clock, the ledger and a wish to stop.
constexpr std::int64_t trials_at_once = 512;
constexpr int most_noted_escapes = 20;

void append(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out(file, std::ios::app | std::ios::binary);
    out << text << std::flush;
    if (!out) throw base::Error(base::ErrorKind::failed, "cannot append to " + file.string(), "check free space");
}

}  // namespace

CampaignTrial::CampaignTrial(const Request& request, const lab::Context& context)
    : request_(request), context_(context), prepared_(shared_case(request)) {
    if (request.only_trial >= trial_count(request)) {
        throw base::Error(base::ErrorKind::usage, "there is no trial " + std::to_string(request.only_trial),
                          "the campaign has " + std::to_string(trial_count(request)) + ", from 0");
    }
}

std::vector<lab::Check> CampaignTrial::verify() {
    Ran ran = fault::run(request_, prepared_->problem);
    Verified verified = verify_clean(request_, *prepared_, ran);
    golden_ = make_golden(std::move(ran));
    if (request_.only_trial < 0) return verified.checks;
    const std::vector<TrialResult> once = run_trials(request_.only_trial, 1);
    const std::vector<TrialResult> again = run_trials(request_.only_trial, 1);
    const bool alike = to_line(once.front()) == to_line(again.front());
    verified.checks.push_back(
        lab::at_most("trial " + std::to_string(request_.only_trial), "itself, run again", describe(once.front()), alike ? 0 : 1, 0));
    return verified.checks;
}

std::vector<TrialResult> CampaignTrial::run_trials(std::int64_t first, std::int64_t count) const {
    std::vector<TrialResult> results(static_cast<std::size_t>(count));
    in_parallel(request_.threads, count, [&](std::int64_t i) {
        base::Numbers scratch = output_for(prepared_->problem);
        results[static_cast<std::size_t>(i)] = try_fault(request_, prepared_->problem, golden_, first + i, scratch);
    });
    return results;
}

std::int64_t CampaignTrial::resume(const std::filesystem::path& ledger, Tally& tally) const {
    std::string kept = ledger_header() + "\n";
    std::int64_t next = 0;
    if (std::filesystem::exists(ledger)) {
        const std::string text = base::read_file(ledger);
        std::size_t begin = text.find('\n');
        begin = begin == std::string::npos ? text.size() : begin + 1;
        for (std::size_t end = text.find('\n', begin); end != std::string::npos; begin = end + 1, end = text.find('\n', begin)) {
            TrialResult result;
            const std::string line = text.substr(begin, end - begin);
            if (!from_line(line, result) || result.trial != next) break;
            tally.add(result);
            kept += line + "\n";
            ++next;
        }
    }
    std::ofstream(ledger, std::ios::binary | std::ios::trunc) << kept;
    return next;
}

void CampaignTrial::note_escape(const TrialResult& result, int& noted) const {
    if (result.fate != Fate::silent || result.change <= harmful_change || ++noted > most_noted_escapes) return;
    context_.log(describe(result) + "; again: " + request_.replay + " trial=" + std::to_string(result.trial));
}

void CampaignTrial::run_only_trial(lab::Recorder& recorder) const {
    Tally tally;
    const TrialResult result = run_trials(request_.only_trial, 1).front();
    tally.add(result);
    append(recorder.artifacts() / "trials.csv", ledger_header() + "\n" + to_line(result) + "\n");
    context_.log("trial " + std::to_string(result.trial) + ": " + describe(result));
    for (lab::MetricValue& metric : tally.metrics()) recorder.result(std::move(metric));
}

void CampaignTrial::run(lab::Recorder& recorder) {
    if (request_.only_trial >= 0) return run_only_trial(recorder);
    const std::filesystem::path ledger = recorder.artifacts() / "trials.csv";
    const std::int64_t all = trial_count(request_);
    Tally tally;
    std::int64_t next = resume(ledger, tally);
    recorder.rewind(next);
    int noted = 0;
    while (next < all) {
        if (recorder.stop_requested()) throw base::Error(base::ErrorKind::interrupted, "stopped after " + std::to_string(next) + " trials");
        std::string lines;
        for (const TrialResult& result : run_trials(next, std::min(trials_at_once, all - next))) {
            tally.add(result);
            note_escape(result, noted);
            lines += to_line(result) + "\n";
            ++next;
        }
        append(ledger, lines);
        recorder.step(next - 1, {{"harmful", static_cast<double>(tally.harmful)},
                                 {"covered", static_cast<double>(tally.covered)},
                                 {"silent_harmful", static_cast<double>(tally.silent_harmful)}});
    }
    for (lab::MetricValue& metric : tally.metrics()) recorder.result(std::move(metric));
    recorder.result(lab::exact("row_checks", static_cast<double>(golden_.report.row_checks)));
    recorder.result(lab::exact("clean_alarms", static_cast<double>(golden_.report.alarms)));
}

}  // namespace plumb::families::fault
