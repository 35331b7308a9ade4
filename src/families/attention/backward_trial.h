// SPDX-License-Identifier: Apache-2.0
// One point of the family `attention` in the direction backward: gradients of q, k and v from saved output and log-sum-exp. The call that
// is timed is the backward pass alone; LibTorch's goes through its autograd, which keeps what its own forward pass saved.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "families/attention/cases.h"
#include "families/attention/gradient_executor.h"
#include "families/attention/gradient_verdicts.h"
#include "families/attention/request.h"
#include "lab/trial.h"

namespace plumb::families::attention {

class BackwardTrial final : public lab::TimedTrial {
  public:
    /// Throws Error{unsupported} where the implementation has no backward pass, or none for the problem.
    explicit BackwardTrial(Request request);

    /// Writes the output file of the request, where there is one, whatever the checks say.
    std::vector<lab::Check> verify() override;
    std::vector<lab::Action> actions() override;
    std::vector<lab::Check> verify_after() override;
    /// As in the other direction, without bandwidth and rows of NaN. Operations: backward_operations() (kernels/attention/backward.h), the
    /// five products over visible keys, whatever an implementation computes beyond them.
    std::vector<lab::MetricValue> metrics(const std::vector<lab::Timing>& timings) override;

  private:
    /// Timed tries keep their executor, so that the calls that were checked are the calls that are timed.
    struct Bound {
        std::shared_ptr<Case> prepared;
        kernels::attention::Backward backward;
        std::unique_ptr<GradientExecutor> executor;
    };
    Bound bind(std::size_t index);
    GradientArrays copied(const Bound& bound, float filled_with) const;

    Request request_;
    std::shared_ptr<CaseSet> cases_;
    std::vector<Bound> timed_;
    std::size_t next_ = 0;  ///< index of the timed try that the next call computes
    double probe_operations_ = 0;
    std::optional<std::int64_t> memory_;
    double max_error_ = 0;
    double error_ratio_ = 0;
    std::int64_t hidden_rows_ = 0;
};

}  // namespace plumb::families::attention
