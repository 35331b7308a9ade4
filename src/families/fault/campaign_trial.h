// SPDX-License-Identifier: Apache-2.0
// Injects faults, one a run, and counts what became of them. Every trial is a line of artifacts/trials.csv; a campaign that was stopped
// goes on after the last whole line, and counts are the same for any number of threads and stops.
#pragma once
#include <filesystem>
#include <memory>
#include <vector>

#include "families/fault/case.h"
#include "families/fault/outcome.h"
#include "lab/trial.h"

namespace plumb::families::fault {

class CampaignTrial final : public lab::LongTrial {
  public:
    CampaignTrial(const Request& request, const lab::Context& context);

    std::vector<lab::Check> verify() override;
    void run(lab::Recorder& recorder) override;

  private:
    /// Trials [first, first + count), in order, on the request's threads.
    std::vector<TrialResult> run_trials(std::int64_t first, std::int64_t count) const;
    /// Whole lines that are there already are counted; anything after them is cut off. Returns the next trial.
    std::int64_t resume(const std::filesystem::path& ledger, Tally& tally) const;
    void note_escape(const TrialResult& result, int& noted) const;
    void run_only_trial(lab::Recorder& recorder) const;

    Request request_;
    lab::Context context_;
    std::shared_ptr<const Case> prepared_;
    Golden golden_;
};

}  // namespace plumb::families::fault
