// SPDX-License-Identifier: Apache-2.0
// The learning rate of each step.
#pragma once
#include <cstdint>
#include <string_view>

namespace plumb::families::language {

enum class Decline { constant, cosine };
/// Throws usage for a name that is neither.
Decline decline_named(std::string_view name);

struct Schedule {
    double rate = 1e-3;       ///< the highest
    std::int64_t warmup = 0;  ///< steps that climb to it in equal parts
    Decline decline = Decline::constant;
    std::int64_t steps = 1;  ///< all of the run: cosine reaches 0 behind the last
};

/// `step` from 0.
double rate_at(const Schedule& schedule, std::int64_t step);

}  // namespace plumb::families::language
