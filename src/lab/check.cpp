// SPDX-License-Identifier: Apache-2.0
#include "lab/check.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/units.h"
#include "lab/trial.h"

namespace plumb::lab {

namespace {

/// 0 where both agree exactly, 1 at the edge of what allclose accepts; infinity where no tolerance helps, NaN included.
double excess(double got, double expected, double relative, double absolute) {
    if (got == expected) return 0;
    const double ratio = std::fabs(got - expected) / (absolute + relative * std::fabs(expected));
    return std::isfinite(got) && std::isfinite(expected) && !std::isnan(ratio) ? ratio : std::numeric_limits<double>::infinity();
}

std::string describe(const Check& check) {
    std::string text =
        fmt::format("'{}' against {}: {} is {}{}{}, bound {}", check.name, check.reference, check.metric,
                    base::format_number(check.measured), check.unit.empty() ? "" : " ", check.unit, base::format_number(check.bound));
    return check.note.empty() ? text : text + "; " + check.note;
}

bool has_failed(const Check& check) {
    return check.status == CheckStatus::failed;
}

std::string failure_message(const std::vector<Check>& checks) {
    if (checks.empty()) return "nothing was checked: the trial has no check";
    const auto count = std::count_if(checks.begin(), checks.end(), has_failed);
    const auto first = std::find_if(checks.begin(), checks.end(), has_failed);
    if (first == checks.end()) return "no check failed";
    return fmt::format("{} of {} checks failed: {}", count, checks.size(), describe(*first));
}

}  // namespace

std::string_view name(CheckStatus status) {
    switch (status) {
        case CheckStatus::passed:
            return "passed";
        case CheckStatus::mistrusted:
            return "mistrusted";
        case CheckStatus::failed:
            break;
    }
    return "failed";
}

Check at_most(std::string name, std::string reference, std::string metric, double measured, double bound, std::string unit,
              std::string note_if_failed) {
    const bool holds = measured <= bound;  // false for NaN on either side
    Check check;
    check.name = std::move(name);
    check.reference = std::move(reference);
    check.metric = std::move(metric);
    check.measured = measured;
    check.bound = bound;
    check.unit = std::move(unit);
    check.status = holds ? CheckStatus::passed : CheckStatus::failed;
    if (!holds) check.note = std::move(note_if_failed);
    return check;
}

Check mistrust(Check check, std::string why) {
    if (check.status == CheckStatus::failed) return check;
    check.note = check.note.empty() ? std::move(why) : check.note + "; " + why;
    check.status = CheckStatus::mistrusted;
    return check;
}

std::string why_mistrusted(std::span<const float> output) {
    if (output.empty()) return "the output is empty";
    const auto first = std::find_if(output.begin(), output.end(), [](float value) { return std::isfinite(value); });
    if (first == output.end()) return "no value of the output is finite";
    const float value = *first;
    if (std::any_of(first, output.end(), [value](float other) { return std::isfinite(other) && other != value; })) return {};
    return value == 0 ? "the output is all zeros" : fmt::format("every finite value of the output is {}", value);
}

Check compare_allclose(std::string name, std::string reference_name, std::span<const float> got, std::span<const float> expected,
                       double relative, double absolute) {
    const std::string metric = fmt::format("max |error| / ({:g} + {:g} |reference|)", absolute, relative);
    if (got.size() != expected.size()) {
        return at_most(std::move(name), std::move(reference_name), metric, std::numeric_limits<double>::infinity(), 1, {},
                       fmt::format("{} elements, the reference has {}", got.size(), expected.size()));
    }
    double worst = 0;
    std::size_t where = 0;
    std::size_t outside = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double ratio = excess(got[i], expected[i], relative, absolute);
        outside += ratio > 1;
        if (ratio > worst) {
            worst = ratio;
            where = i;
        }
    }
    std::string note;
    if (outside > 0)
        note = fmt::format("element {} is {}, expected {}; {} of {} outside", where, got[where], expected[where], outside, got.size());
    const Check check = at_most(std::move(name), std::move(reference_name), metric, worst, 1, {}, note);
    const std::string doubt = why_mistrusted(got);
    return doubt.empty() ? check : mistrust(check, doubt);
}

bool Verified::mistrusted() const {
    return std::any_of(checks_.begin(), checks_.end(), [](const Check& check) { return check.status == CheckStatus::mistrusted; });
}

CheckFailure::CheckFailure(std::vector<Check> checks) : checks_(std::move(checks)), message_(failure_message(checks_)) {}

Verified verify(Trial& trial) {
    std::vector<Check> checks = trial.verify();
    if (checks.empty() || std::any_of(checks.begin(), checks.end(), has_failed)) throw CheckFailure(std::move(checks));
    return Verified(std::move(checks));
}

}  // namespace plumb::lab
