// SPDX-License-Identifier: Apache-2.0
// One point of the family `attention`: an implementation, the tries it is checked on, and the calls that are timed.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "families/attention/cases.h"
#include "families/attention/executor.h"
#include "families/attention/request.h"
#include "families/attention/verdicts.h"
#include "lab/trial.h"

namespace plumb::families::attention {

class AttentionTrial final : public lab::TimedTrial {
  public:
    /// Throws Error{unsupported} where the implementation cannot do the problem.
    explicit AttentionTrial(Request request);

    /// Writes the output file of the request, where there is one, whatever the checks say.
    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::Check> verify_after() override;
    /// Those that this point has: no bandwidth without keys, no memory where the kernel does not let the count be reset.
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;

  private:
    /// Timed tries keep their executor, so that the calls that were checked are the calls that are timed.
    struct Bound {
        std::shared_ptr<Case> prepared;
        kernels::attention::Problem problem;
        std::unique_ptr<Executor> executor;
    };
    Bound bind(std::size_t index);
    void check(Verdicts& verdicts, Bound& bound, std::vector<float> out_BNHE) const;
    void write_result(const Bound& bound) const;

    Request request_;
    std::shared_ptr<CaseSet> cases_;
    std::vector<Bound> timed_;
    std::size_t next_ = 0;  ///< index of the timed try that the next call computes
    double probe_operations_ = 0;
    std::uint64_t probe_sum_ = 0;
    std::optional<std::int64_t> memory_;
    double max_error_ = 0;
    double error_ratio_ = 0;
    std::int64_t hidden_rows_ = 0;
    std::int64_t nan_rows_ = 0;
};

}  // namespace plumb::families::attention
