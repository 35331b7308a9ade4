// SPDX-License-Identifier: Apache-2.0
// A family whose points behave as told: fine, slow, wrong, crashing, hanging, eating memory. It also counts its own work in a file, so that
// tests see from outside what really ran.
#pragma once
#include <filesystem>
#include <memory>

#include "lab/family.h"
#include "lab/study.h"

namespace plumb::test {

/// Parameters: behaviour, index (tells points apart), milliseconds (of one call), version of the family as given.
std::shared_ptr<const lab::Family> probe_family(int version = 1);
/// The probe family and `steps`, a long trial: adds 1 to a counter `steps` times, saves a checkpoint after each, logs each step.
lab::Families probe_families();

/// A study of `count` well-behaved points, or of the behaviours given.
lab::Study probe_study(const std::string& name, std::int64_t count);
lab::Study probe_study(const std::string& name, const std::vector<std::string>& behaviours);
lab::Study steps_study(const std::string& name, std::int64_t steps);

}  // namespace plumb::test
