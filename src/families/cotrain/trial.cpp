// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/trial.h"

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "families/cotrain/proofs.h"
#include "families/cotrain/state_file.h"
#include "families/cotrain/summary.h"
#include "families/cotrain/tables.h"

namespace plumb::families::cotrain {

namespace {

constexpr std::chrono::milliseconds between_saves{200};

std::vector<SplitRun*> pointers(const std::vector<std::unique_ptr<SplitRun>>& runs) {
    std::vector<SplitRun*> made;
    for (const auto& run : runs) made.push_back(run.get());
    return made;
}

}  // namespace

std::vector<lab::Check> CotrainTrial::verify() {
    for (const std::string& problem : request_.data->left_out) context_.log("left out: " + problem);
    return checks_before(request_, context_.seed);
}

void CotrainTrial::open_splits() {
    nlohmann::json states = nlohmann::json::array();
    if (std::filesystem::exists(checkpoint())) states = nlohmann::json::parse(base::read_file(checkpoint()), nullptr, false);
    for (std::int64_t index = 0; index < request_.splits; ++index) {
        const auto at = static_cast<std::size_t>(index);
        std::optional<SplitState> state;
        if (states.is_array() && at < states.size() && states[at].is_object()) state = state_from_json(states[at]);
        remembered_.push_back(state ? states[at].dump() : "null");
        remembered_round_.push_back(state ? state->round : 0);
        runs_.push_back(std::make_unique<SplitRun>(*request_.data, request_.options, context_.seed, index, std::move(state)));
    }
}

/// Call with the guard held.
void CotrainTrial::save() {
    std::string text = "[";
    for (const std::string& state : remembered_) text += (text.size() > 1 ? ",\n" : "") + state;
    base::replace_file(checkpoint(), text + "]\n");
    for (std::size_t split = 0; split < runs_.size(); ++split) runs_[split]->drop_starts(remembered_round_[split]);
    saved_ = std::chrono::steady_clock::now();
}

void CotrainTrial::remember(std::size_t split) {
    std::string state = to_json(runs_[split]->state()).dump();
    const std::lock_guard lock(guard_);
    remembered_[split] = std::move(state);
    remembered_round_[split] = runs_[split]->state().round;
    if (std::chrono::steady_clock::now() - saved_ >= between_saves) save();
}

void CotrainTrial::work(std::atomic<std::size_t>& next, const lab::Recorder& recorder) {
    for (std::size_t split = next++; split < runs_.size(); split = next++) {
        SplitRun& run = *runs_[split];
        auto last = std::chrono::steady_clock::now();
        while (!run.finished()) {
            if (recorder.stop_requested()) {
                remember(split);
                return;
            }
            run.advance();
            const auto now = std::chrono::steady_clock::now();
            if (run.finished() || now - last < between_saves / 2) continue;
            remember(split);
            last = now;
        }
        remember(split);
    }
}

bool CotrainTrial::finished() const {
    return std::ranges::all_of(runs_, [](const auto& run) { return run->finished(); });
}

void CotrainTrial::run(lab::Recorder& recorder) {
    recorder.rewind(0);
    LearnerOptions& learner = request_.options.learner;
    learner.keep = recorder.artifacts();
    learner.stop = [&] { return recorder.stop_requested(); };
    open_splits();
    std::atomic<std::size_t> next = 0;
    const auto guarded = [&] {
        try {
            work(next, recorder);
        } catch (...) {
            const std::lock_guard lock(guard_);
            problem_ = std::current_exception();
            next = runs_.size();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::int64_t thread = 1; thread < std::min(request_.threads, request_.splits); ++thread) threads.emplace_back(guarded);
        guarded();
    }
    if (!problem_ && finished()) {
        save();
        for (const auto& run : runs_) run->drop_starts(run->state().round + 2);
    }
    learner.keep.clear();
    learner.stop = {};
    if (problem_) {
        save();
        std::rethrow_exception(problem_);
    }
    if (!finished()) {
        save();
        const auto done = std::ranges::count_if(runs_, [](const auto& run) { return run->finished(); });
        throw base::Error(base::ErrorKind::interrupted,
                          "stopped by the user after " + std::to_string(done) + " of " + std::to_string(runs_.size()) + " splits",
                          "run the same command again to go on");
    }
    const std::vector<SplitRun*> splits = pointers(runs_);
    std::int64_t rounds = 0;
    for (const SplitRun* run : splits) rounds = std::max(rounds, run->state().reports.back().round);
    for (std::int64_t round = 0; round <= rounds; ++round) recorder.step(round, summarise_round(splits, round));
    for (lab::MetricValue& value : summarise(splits)) recorder.result(std::move(value));
    if (!request_.data->names[0].empty()) recorder.result(lab::exact("left_out", static_cast<double>(request_.data->left_out.size())));
    write_tables(recorder.artifacts(), *request_.data, splits);
    std::filesystem::remove(checkpoint());
}

std::vector<lab::Check> CotrainTrial::verify_after() {
    return checks_after(request_, pointers(runs_));
}

}  // namespace plumb::families::cotrain
