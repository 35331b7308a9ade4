// SPDX-License-Identifier: Apache-2.0
// Runs clean, each time on new inputs, until a number of comparisons was made: how often one alarms without a fault.
#pragma once
#include <memory>
#include <vector>

#include "families/fault/case.h"
#include "lab/trial.h"

namespace plumb::families::fault {

class CleanTrial final : public lab::LongTrial {
  public:
    explicit CleanTrial(const Request& request) : request_(request), prepared_(shared_case(request)) {}

    std::vector<lab::Check> verify() override;
    void run(lab::Recorder& recorder) override;

  private:
    kernels::protect::Report run_clean(std::int64_t index) const;

    Request request_;
    std::shared_ptr<const Case> prepared_;
};

}  // namespace plumb::families::fault
