// SPDX-License-Identifier: Apache-2.0
// Checks of an attention output, gathered over the tries of a point: each try can only make them worse.
#pragma once
#include <string>
#include <vector>

#include "families/attention/cases.h"
#include "families/attention/executor.h"
#include "families/attention/worst.h"
#include "lab/check.h"

namespace plumb::families::attention {

class Verdicts {
  public:
    Verdicts(std::string implementation, const CaseKey& cases);

    /// `out_BNHE` is the whole output of one try. Rows without a visible key are checked for zeros and then left out of the comparisons.
    void add(Case& prepared, std::vector<float> out_BNHE);
    /// `lse_BHN`: of the same try; empty where the implementation gives none, and then there is no check of them.
    void add_log_sums(const Case& prepared, const std::vector<float>& lse_BHN);
    /// The checks over all tries so far.
    std::vector<lab::Check> checks() const;

    double max_error() const { return max_error_; }
    double error_ratio() const { return error_ratio_; }  ///< by half the bound
    std::int64_t hidden_rows() const { return hidden_rows_; }
    std::int64_t nan_rows() const { return nan_rows_; }

  private:
    void clear_hidden_rows(const Case& prepared, std::vector<float>& out_BNHE);
    void check_accuracy(Case& prepared, const std::vector<float>& out_BNHE);
    void check_against_slow_form(Case& prepared, const std::vector<float>& out_BNHE);
    void check_against_other(Case& prepared, const std::vector<float>& out_BNHE);

    std::string implementation_;
    bool suits_allclose_;
    bool stored_;  ///< scores and probabilities are rounded to the type, and so are the yardstick's
    Worst accuracy_, slow_, other_, log_sums_;
    std::string other_name_;
    std::string mistrust_;
    std::size_t tries_ = 0;
    double max_error_ = 0;
    double error_ratio_ = 0;
    std::int64_t hidden_rows_ = 0;
    std::int64_t nan_rows_ = 0;
    std::int64_t spoilt_rows_ = 0;
    std::int64_t checked_queries_ = 0, all_queries_ = 0;
};

}  // namespace plumb::families::attention
