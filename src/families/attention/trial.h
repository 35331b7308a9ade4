// SPDX-License-Identifier: Apache-2.0
// One point of the family `attention`: an implementation, the tries it is checked on, and the calls that are timed.
#pragma once
#include <memory>
#include <vector>

#include "families/attention/cases.h"
#include "families/attention/executor.h"
#include "lab/schema.h"
#include "lab/trial.h"

namespace plumb::families::attention {

/// A point read back from its settings.
struct Request {
    CaseKey cases;
    std::string implementation;
    std::string isa;
    int threads = 1;
    std::size_t tries = 1;
};
Request read_request(const lab::Settings& settings, std::uint64_t seed);

class AttentionTrial final : public lab::TimedTrial {
  public:
    /// Throws Error{unsupported} where the implementation cannot do the problem.
    explicit AttentionTrial(Request request);

    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::Check> verify_after() override;
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;

  private:
    /// Timed tries keep their executor, so that the calls that were checked are the calls that are timed.
    struct Bound {
        std::shared_ptr<Case> prepared;
        std::unique_ptr<Executor> executor;
    };
    Bound bind(std::size_t index);

    Request request_;
    std::shared_ptr<CaseSet> cases_;
    std::vector<Bound> timed_;
    std::size_t next_ = 0;  ///< index of the timed try that the next call computes
    double probe_operations_ = 0;
    double max_error_ = 0;
    double error_ratio_ = 0;
    std::int64_t hidden_rows_ = 0;
    std::int64_t nan_rows_ = 0;
};

}  // namespace plumb::families::attention
