// SPDX-License-Identifier: Apache-2.0
// Times clean runs of one scheme and, where asked for, what a repair costs. Ratios between schemes are the study's: schemes that are
// interleaved are paired sample by sample.
#pragma once
#include <memory>
#include <vector>

#include "families/fault/case.h"
#include "lab/trial.h"

namespace plumb::families::fault {

class OverheadTrial final : public lab::TimedTrial {
  public:
    explicit OverheadTrial(const Request& request);

    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::Check> verify_after() override;
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;

  private:
    /// A fault that the scheme repairs; throws Error{unsupported} where none is found.
    void find_repaired_fault();

    Request request_;
    std::shared_ptr<const Case> prepared_;
    kernels::attention::Problem problem_;
    base::Numbers out_, injected_out_, expected_;
    kernels::protect::Fault repaired_ = nowhere;
    double error_ratio_ = 0;
};

}  // namespace plumb::families::fault
