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
    CleanTrial(const Request& request, const lab::Context& context)
        : request_(request), context_(context), prepared_(shared_case(request)) {}

    std::vector<lab::Check> verify() override;
    void run(lab::Recorder& recorder) override;

  private:
    /// Writes the first alarm of a clean run to the log.
    void note_alarm(const kernels::protect::Report& report, std::int64_t run, std::int64_t& noted) const;
    /// What the combinations of inputs [4 batch, 4 batch + 4) report, on the request's threads.
    std::vector<kernels::protect::Report> run_batch(std::int64_t batch) const;

    Request request_;
    lab::Context context_;
    std::shared_ptr<const Case> prepared_;
};

}  // namespace plumb::families::fault
