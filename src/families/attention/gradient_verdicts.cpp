// SPDX-License-Identifier: Apache-2.0
#include "families/attention/gradient_verdicts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plumb::families::attention {

namespace {

namespace ka = kernels::attention;

constexpr std::array<const char*, 3> names = {"dq", "dk", "dv"};

std::array<const std::vector<float>*, 3> tensors(const GradientArrays& gradients) {
    return {&gradients.dq, &gradients.dk, &gradients.dv};
}

std::array<const ka::Accuracy*, 3> tensors(const ka::GradientAccuracy& accuracy) {
    return {&accuracy.dq, &accuracy.dk, &accuracy.dv};
}

/// NaN on one side alone, or on both, counts as infinitely far.
double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(difference <= largest)) largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
    }
    return largest;
}

}  // namespace

GradientVerdicts::GradientVerdicts(std::string implementation, const CaseKey& cases)
    : implementation_(std::move(implementation)), saved_("fused", cases) {}

void GradientVerdicts::add(Case& prepared, const GradientArrays& gradients) {
    ++tries_;
    GradientCase& given = *prepared.gradients;
    saved_.add(prepared, given.out_BNHE());
    saved_.add_log_sums(prepared, given.lse_BHN());
    const ka::GradientAccuracy accuracy = given.measure(gradients);
    const auto measured = tensors(accuracy);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const ka::Accuracy& of = *measured[i];
        const bool meaningless = !std::isfinite(of.bound);
        accuracy_[i].take(
            meaningless ? std::numeric_limits<double>::quiet_NaN() : of.max_error, of.bound,
            meaningless ? "the plain form overflowed on these inputs: nothing to measure against" : "try " + std::to_string(tries_));
        max_error_ = std::max(max_error_, of.max_error);
        if (of.bound > 0) error_ratio_ = std::max(error_ratio_, 2 * of.max_error / of.bound);
        if (const std::string reason = lab::why_mistrusted(*tensors(gradients)[i]); !reason.empty())
            mistrust_ = std::string(names[i]) + ": " + reason;
    }
    if (!given.all_checked()) check_against_other(given, gradients, accuracy);
    const ka::Shape& s = prepared.problem.shape;
    checked_heads_ = given.checked_key_heads();
    all_heads_ = static_cast<std::size_t>(s.batch * s.kv_heads());
}

void GradientVerdicts::check_against_other(GradientCase& given, const GradientArrays& gradients, const ka::GradientAccuracy& accuracy) {
    other_name_ = implementation_ == "fused" ? "sdpa" : "fused";
    const GradientArrays* other = given.gradients_of(other_name_);
    if (other == nullptr) return;
    // Each of the two may be off by the bound of its own rule.
    const ka::GradientAccuracy others = given.measure(*other);
    for (std::size_t i = 0; i < names.size(); ++i) {
        other_[i].take(largest_difference(*tensors(gradients)[i], *tensors(*other)[i]),
                       tensors(accuracy)[i]->bound + tensors(others)[i]->bound, "try " + std::to_string(tries_));
    }
}

std::vector<lab::Check> GradientVerdicts::checks() const {
    const std::string of_heads = checked_heads_ == all_heads_
                                     ? "all heads"
                                     : std::to_string(checked_heads_) + " of " + std::to_string(all_heads_) + " key heads, whole";
    const std::string over_tries = tries_ == 1 ? "1 input" : std::to_string(tries_) + " inputs";
    std::vector<lab::Check> checks;
    for (lab::Check& check : saved_.checks()) {
        check.name = "saved output: " + check.name;
        checks.push_back(check);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        checks.push_back(lab::at_most(std::string("accuracy rule of ") + names[i], "fp64 gradients, " + of_heads + ", " + over_tries,
                                      "largest error, at most twice the plain fp32 backward pass's", accuracy_[i].measured,
                                      accuracy_[i].bound, "", accuracy_[i].note));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (other_[i].tries == 0) continue;
        checks.push_back(lab::at_most(std::string("agreement of ") + names[i] + " with " + other_name_, "all heads, " + over_tries,
                                      "largest difference, at most the sum of both bounds", other_[i].measured, other_[i].bound, "",
                                      other_[i].note));
    }
    if (!mistrust_.empty()) {
        for (lab::Check& check : checks) check = lab::mistrust(check, mistrust_);
    }
    return checks;
}

}  // namespace plumb::families::attention
