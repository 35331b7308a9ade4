// SPDX-License-Identifier: Apache-2.0
#include "families/attention/verdicts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/accuracy.h"

namespace plumb::families::attention {

namespace {

// The notebook's comparison: torch.allclose with its defaults.
constexpr double relative_tolerance = 1e-5;
constexpr double absolute_tolerance = 1e-8;

/// NaN counts as infinitely far.
double distance(float a, double b) {
    const double difference = std::abs(static_cast<double>(a) - b);
    return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

}  // namespace

// allclose divides by the expected value: it suits outputs of one sign, as the notebook's, and rejects right answers that cancel to
// nothing.
Verdicts::Verdicts(std::string implementation, const CaseKey& cases)
    : implementation_(std::move(implementation)),
      suits_allclose_(cases.file.empty() && cases.distribution == "uniform01" && cases.options.dtype == base::Dtype::fp32),
      stored_(cases.options.dtype != base::Dtype::fp32 && !is_plumbs_own(implementation_)) {}

void Verdicts::add(Case& prepared, std::vector<float> out_BNHE) {
    ++tries_;
    clear_hidden_rows(prepared, out_BNHE);
    if (const std::string reason = lab::why_mistrusted(out_BNHE); !reason.empty()) mistrust_ = reason;
    check_accuracy(prepared, out_BNHE);
    check_against_slow_form(prepared, out_BNHE);
    check_against_other(prepared, out_BNHE);
}

void Verdicts::clear_hidden_rows(const Case& prepared, std::vector<float>& out_BNHE) {
    const auto& shape = prepared.problem.shape;
    const bool own = is_plumbs_own(implementation_);
    for (std::size_t query = 0; query < prepared.hidden_BN.size(); ++query) {
        if (!prepared.hidden_BN[query]) continue;
        for (std::int64_t head = 0; head < shape.heads; ++head) {
            const auto begin = out_BNHE.begin() + (static_cast<std::int64_t>(query) * shape.heads + head) * shape.value_dim;
            const auto end = begin + shape.value_dim;
            const bool is_nan = std::any_of(begin, end, [](float value) { return std::isnan(value); });
            const bool is_zero = std::all_of(begin, end, [](float value) { return value == 0.0f; });
            ++hidden_rows_;
            nan_rows_ += is_nan;
            // A softmax over nothing is 0 / 0: LibTorch's forms may say so. Ours promise zeros.
            spoilt_rows_ += !is_zero && (own || !is_nan);
            std::fill(begin, end, 0.0f);
        }
    }
}

void Verdicts::check_accuracy(Case& prepared, const std::vector<float>& out_BNHE) {
    const auto accuracy = kernels::attention::measure_accuracy(prepared.checked_problem, prepared.reference_BSHE,
                                                               prepared.yardstick(implementation_), prepared.checked_part(out_BNHE));
    const bool meaningless = !std::isfinite(accuracy.bound);
    accuracy_.take(meaningless ? std::numeric_limits<double>::quiet_NaN() : accuracy.max_error, accuracy.bound,
                   meaningless ? "the plain form overflowed on these inputs: nothing to measure against" : "try " + std::to_string(tries_));
    max_error_ = std::max(max_error_, accuracy.max_error);
    // The bound is twice the yardstick's error and, which matters for 16 bits, the rounding of the output to its type.
    if (accuracy.bound > 0) error_ratio_ = std::max(error_ratio_, 2 * accuracy.max_error / accuracy.bound);
    checked_queries_ = static_cast<std::int64_t>(prepared.checked_queries.size());
    all_queries_ = prepared.problem.shape.queries;
}

void Verdicts::check_against_slow_form(Case& prepared, const std::vector<float>& out_BNHE) {
    if (!suits_allclose_ || implementation_ == "loop" || !ensure_slow_output(prepared)) return;
    std::vector<float> slow = prepared.slow_BNHE;
    for (float& value : slow) {
        if (std::isnan(value)) value = 0.0f;  // rows without a visible key, judged by clear_hidden_rows
    }
    const lab::Check compared =
        lab::compare_allclose("allclose to the loop", "slow form", out_BNHE, slow, relative_tolerance, absolute_tolerance);
    slow_.take(compared.measured, compared.bound, compared.note);
}

void Verdicts::check_against_other(Case& prepared, const std::vector<float>& out_BNHE) {
    // Where every query was checked against fp64 there is nothing left to learn from another implementation.
    const bool all_checked = static_cast<std::int64_t>(prepared.checked_queries.size()) == prepared.problem.shape.queries;
    if (all_checked || !ensure_other_output(prepared, implementation_)) return;
    double largest = 0;
    for (std::size_t query = 0; query < prepared.hidden_BN.size(); ++query) {
        if (prepared.hidden_BN[query]) continue;
        const std::size_t row = static_cast<std::size_t>(prepared.problem.shape.heads * prepared.problem.shape.value_dim);
        for (std::size_t i = query * row; i < (query + 1) * row; ++i)
            largest = std::max(largest, distance(out_BNHE[i], static_cast<double>(prepared.other_BNHE[i])));
    }
    // Each of the two may be off by the bound of its own rule.
    const auto theirs =
        kernels::attention::measure_accuracy(prepared.checked_problem, prepared.reference_BSHE, prepared.yardstick(prepared.other_name),
                                             prepared.checked_part(prepared.other_BNHE));
    other_.take(largest, accuracy_.bound + theirs.bound, "try " + std::to_string(tries_));
    other_name_ = prepared.other_name;
}

void Verdicts::add_log_sums(const Case& prepared, const std::vector<float>& lse_BHN) {
    const auto& shape = prepared.problem.shape;
    if (lse_BHN.empty()) return;
    double error = 0, plain_error = 0, largest = 0;
    std::size_t checked = 0;
    for (std::int64_t head = 0; head < shape.batch * shape.heads; ++head) {
        for (const std::int64_t query : prepared.checked_queries) {
            const float lse = lse_BHN[static_cast<std::size_t>(head * shape.queries + query)];
            const double exact = prepared.reference_lse_BHS[checked];
            // Equal infinities differ by NaN, and so do two NaN; where only one is such the distance is infinite.
            const bool alike = static_cast<double>(lse) == exact || (std::isnan(lse) && std::isnan(exact));
            if (!alike) error = std::max(error, distance(lse, exact));
            if (std::isfinite(exact)) {
                plain_error = std::max(plain_error, distance(prepared.plain_lse_BHS[checked], exact));
                largest = std::max(largest, std::abs(exact));
            }
            ++checked;
        }
    }
    // The rounding of the result itself, and half a unit of 1 for the scores' where the plain form has luck.
    constexpr double unit = 0x1p-24;
    log_sums_.take(error, 2 * std::max(plain_error, unit) + unit * largest, "");
}

std::vector<lab::Check> Verdicts::checks() const {
    const std::string of_queries = checked_queries_ == all_queries_ ? "all queries"
                                                                    : std::to_string(checked_queries_) + " of " +
                                                                          std::to_string(all_queries_) + " queries of every head";
    const std::string over_tries = tries_ == 1 ? "1 input" : std::to_string(tries_) + " inputs";
    std::vector<lab::Check> checks;
    checks.push_back(lab::at_most("accuracy rule", "fp64 attention, " + of_queries + ", " + over_tries,
                                  stored_ ? "largest error, at most twice that of a plain form that stores scores and weights in the type"
                                          : "largest error, at most twice the plain fp32 form's",
                                  accuracy_.measured, accuracy_.bound, "", accuracy_.note));
    if (slow_.tries > 0) {
        checks.push_back(lab::at_most("allclose to the loop", "slow form, whole output, " + over_tries,
                                      "largest |difference| / (1e-8 + 1e-5 |expected|)", slow_.measured, slow_.bound, "", slow_.note));
    }
    if (other_.tries > 0) {
        checks.push_back(lab::at_most("agreement with " + other_name_, "whole output, " + over_tries,
                                      "largest difference, at most the sum of both bounds", other_.measured, other_.bound, "",
                                      other_.note));
    }
    if (log_sums_.tries > 0) {
        checks.push_back(lab::at_most("log-sum-exp", "fp64 attention, " + of_queries, "largest error, at most twice the plain fp32 form's",
                                      log_sums_.measured, log_sums_.bound, "", log_sums_.note));
    }
    if (hidden_rows_ > 0) {
        checks.push_back(lab::at_most("rows without a visible key", "zeros by definition", "rows that are neither zeros nor LibTorch's NaN",
                                      static_cast<double>(spoilt_rows_), 0, "rows"));
    }
    if (!mistrust_.empty()) {
        for (lab::Check& check : checks) check = lab::mistrust(check, mistrust_);
    }
    return checks;
}

}  // namespace plumb::families::attention
