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
double distance(float a, float b) {
    const double difference = std::abs(static_cast<double>(a) - static_cast<double>(b));
    return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

}  // namespace

void Verdicts::Worst::take(double new_measured, double new_bound, const std::string& new_note) {
    ++tries;
    // Compared as measured / bound without dividing, so that a bound of 0 is honoured; the negated form lets NaN win.
    if (tries > 1 && !(new_measured * bound > measured * new_bound) && !std::isnan(new_measured)) return;
    measured = new_measured;
    bound = new_bound;
    note = new_note;
}

Verdicts::Verdicts(std::string implementation, std::string distribution)
    : implementation_(std::move(implementation)), positive_inputs_(distribution == "uniform01") {}

void Verdicts::add(Case& prepared, std::vector<float> out_BNHE) {
    ++tries_;
    clear_hidden_rows(prepared, out_BNHE);
    if (const std::string reason = lab::why_mistrusted(out_BNHE); !reason.empty()) mistrust_ = reason;
    check_accuracy(prepared, out_BNHE);
    check_against_slow_form(prepared, out_BNHE);
    check_against_other(prepared, out_BNHE);
}

void Verdicts::clear_hidden_rows(const Case& prepared, std::vector<float>& out_BNHE) {
    const auto& shape = prepared.inputs.shape;
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

void Verdicts::check_accuracy(const Case& prepared, const std::vector<float>& out_BNHE) {
    const auto accuracy = kernels::attention::measure_accuracy(prepared.checked_problem, prepared.reference_BSHE, prepared.plain_BSHE,
                                                               prepared.checked_part(out_BNHE));
    const bool meaningless = !std::isfinite(accuracy.bound);
    accuracy_.take(
        meaningless ? std::numeric_limits<double>::quiet_NaN() : accuracy.max_error, accuracy.bound,
        meaningless ? "the plain fp32 form overflowed on these inputs: nothing to measure against" : "try " + std::to_string(tries_));
    max_error_ = std::max(max_error_, accuracy.max_error);
    const double yardstick = std::max(accuracy.plain_max_error, accuracy.single_rounding);
    if (yardstick > 0) error_ratio_ = std::max(error_ratio_, accuracy.max_error / yardstick);
    checked_queries_ = static_cast<std::int64_t>(prepared.checked_queries.size());
    all_queries_ = prepared.inputs.shape.queries;
}

void Verdicts::check_against_slow_form(Case& prepared, const std::vector<float>& out_BNHE) {
    // allclose divides by the expected value: it suits outputs of one sign, as the notebook's, and rejects right answers that cancel to
    // nothing.
    if (!positive_inputs_ || implementation_ == "loop" || !ensure_slow_output(prepared)) return;
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
    const bool all_checked = static_cast<std::int64_t>(prepared.checked_queries.size()) == prepared.inputs.shape.queries;
    if (all_checked || !ensure_other_output(prepared, implementation_)) return;
    double largest = 0;
    for (std::size_t query = 0; query < prepared.hidden_BN.size(); ++query) {
        if (prepared.hidden_BN[query]) continue;
        const std::size_t row = static_cast<std::size_t>(prepared.inputs.shape.heads * prepared.inputs.shape.value_dim);
        for (std::size_t i = query * row; i < (query + 1) * row; ++i)
            largest = std::max(largest, distance(out_BNHE[i], prepared.other_BNHE[i]));
    }
    // Each of the two may be off by the rule's bound, so they may differ by twice that.
    other_.take(largest, 2 * accuracy_.bound, "try " + std::to_string(tries_));
    other_name_ = prepared.other_name;
}

std::vector<lab::Check> Verdicts::checks() const {
    const std::string of_queries = checked_queries_ == all_queries_ ? "all queries"
                                                                    : std::to_string(checked_queries_) + " of " +
                                                                          std::to_string(all_queries_) + " queries of every head";
    const std::string over_tries = tries_ == 1 ? "1 input" : std::to_string(tries_) + " inputs";
    std::vector<lab::Check> checks;
    checks.push_back(lab::at_most("accuracy rule", "fp64 attention, " + of_queries + ", " + over_tries,
                                  "largest error, at most twice the plain fp32 form's", accuracy_.measured, accuracy_.bound, "",
                                  accuracy_.note));
    if (slow_.tries > 0) {
        checks.push_back(lab::at_most("allclose to the loop", "slow form, whole output, " + over_tries,
                                      "largest |difference| / (1e-8 + 1e-5 |expected|)", slow_.measured, slow_.bound, "", slow_.note));
    }
    if (other_.tries > 0) {
        checks.push_back(lab::at_most("agreement with " + other_name_, "whole output, " + over_tries,
                                      "largest difference, at most twice the rule's bound", other_.measured, other_.bound, "",
                                      other_.note));
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
