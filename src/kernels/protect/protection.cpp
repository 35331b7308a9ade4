// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/protection.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace plumb::kernels::protect {
namespace {

constexpr std::array<std::string_view, 3> levels = {"none", "detect", "correct"};
constexpr std::array<std::string_view, 4> exponential_checks = {"none", "sum", "band", "twice"};
constexpr std::array<std::string_view, 2> threshold_kinds = {"calibrated", "provable"};
constexpr std::array<std::string_view, 7> alarms = {"scores", "maxima", "exponentials", "outputs", "key_count", "operands", "handoff"};
constexpr std::array<std::string_view, 4> outcomes = {"detected", "corrected", "false_alarm", "unresolved"};

template <class Enum, std::size_t count>
Enum named(const std::array<std::string_view, count>& names, std::string_view name, std::string_view kind) {
    for (std::size_t i = 0; i < count; ++i) {
        if (names[i] == name) return static_cast<Enum>(i);
    }
    const std::vector<std::string> known(names.begin(), names.end());
    throw base::Error(base::ErrorKind::usage, fmt::format("no {} is called '{}'", kind, name), base::suggest(name, known));
}

}  // namespace

std::string_view name(Level level) {
    return levels[static_cast<std::size_t>(level)];
}
std::string_view name(ExponentialCheck check) {
    return exponential_checks[static_cast<std::size_t>(check)];
}
std::string_view name(ThresholdKind kind) {
    return threshold_kinds[static_cast<std::size_t>(kind)];
}
std::string_view name(Alarm alarm) {
    return alarms[static_cast<std::size_t>(alarm)];
}
std::string_view name(Outcome outcome) {
    return outcomes[static_cast<std::size_t>(outcome)];
}

Level level_named(std::string_view name) {
    return named<Level>(levels, name, "level of protection");
}
ExponentialCheck exponential_check_named(std::string_view name) {
    return named<ExponentialCheck>(exponential_checks, name, "check of exponentials");
}
ThresholdKind threshold_kind_named(std::string_view name) {
    return named<ThresholdKind>(threshold_kinds, name, "kind of threshold");
}

std::string describe(const Evidence& evidence) {
    std::string place = fmt::format("key head {}", evidence.key_head);
    if (evidence.tile >= 0) place += fmt::format(", tile {}", evidence.tile);
    if (evidence.row >= 0) place += fmt::format(", row {}", evidence.row);
    if (evidence.first_key >= 0) place += fmt::format(", keys from {}", evidence.first_key);
    return fmt::format("{} of {}: residual {:.3g}, threshold {:.3g}, thread {}, core {}: {}", name(evidence.alarm), place,
                       evidence.residual, evidence.threshold, evidence.thread, evidence.core, name(evidence.outcome));
}

}  // namespace plumb::kernels::protect
