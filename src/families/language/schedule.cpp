// SPDX-License-Identifier: Apache-2.0
#include "families/language/schedule.h"

#include <cmath>
#include <numbers>
#include <string>

#include "base/error.h"

namespace plumb::families::language {

Decline decline_named(std::string_view name) {
    if (name == "constant") return Decline::constant;
    if (name == "cosine") return Decline::cosine;
    throw base::Error(base::ErrorKind::usage, "no schedule is called '" + std::string(name) + "'", "allowed: constant, cosine");
}

double rate_at(const Schedule& schedule, std::int64_t step) {
    if (step < schedule.warmup) return schedule.rate * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup);
    if (schedule.decline == Decline::constant || schedule.steps <= schedule.warmup) return schedule.rate;
    const double done = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps - schedule.warmup);
    return schedule.rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace plumb::families::language
