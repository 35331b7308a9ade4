// SPDX-License-Identifier: Apache-2.0
// Checks of the gradients of an implementation, gathered over the tries of a point. What the backward pass is given, out and log-sum-exp,
// is held to the rules of the forward pass first: the rule for gradients compares with a plain form that is given the same.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "families/attention/cases.h"
#include "families/attention/verdicts.h"
#include "families/attention/worst.h"
#include "lab/check.h"

namespace plumb::families::attention {

class GradientVerdicts {
  public:
    GradientVerdicts(std::string implementation, const CaseKey& cases);

    /// `gradients`: of one try, whole. `prepared.gradients` must be there.
    void add(Case& prepared, const GradientArrays& gradients);
    /// The checks over all tries so far.
    std::vector<lab::Check> checks() const;

    double max_error() const { return max_error_; }
    double error_ratio() const { return error_ratio_; }  ///< by half the bound
    std::int64_t hidden_rows() const { return saved_.hidden_rows(); }

  private:
    void check_against_other(GradientCase& given, const GradientArrays& gradients, const kernels::attention::GradientAccuracy& accuracy);

    std::string implementation_;
    Verdicts saved_;  ///< of out and log-sum-exp
    std::array<Worst, 3> accuracy_, other_;
    std::string other_name_;
    std::string mistrust_;
    std::size_t tries_ = 0;
    double max_error_ = 0;
    double error_ratio_ = 0;
    std::size_t checked_heads_ = 0, all_heads_ = 0;
};

}  // namespace plumb::families::attention
