// SPDX-License-Identifier: Apache-2.0
// Runs clean until a number of comparisons was made: how often one alarms without a fault. Inputs are drawn four at a time; each of their
// q meets each of their k and v. Takes a minute or two: one that was stopped starts anew.
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
    /// What the combinations of inputs [4 batch, 4 batch + 4) report, on the request's threads.
    std::vector<kernels::protect::Report> run_batch(std::int64_t batch) const;

    Request request_;
    std::shared_ptr<const Case> prepared_;
};

}  // namespace plumb::families::fault
