// SPDX-License-Identifier: Apache-2.0
// The words that plan and run share: STUDY, key=value, --exclude and the flags of the stop rule.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "app/session.h"
#include "lab/plan.h"

namespace plumb::app {

struct StudyWords {
    std::string study;
    lab::Overrides overrides;
    std::string timeout;
    std::string max_seconds;
    std::string memory_limit;
};

void add_study_words(CLI::App& verb, StudyWords& words);

struct PlannedStudy {
    lab::Study study;
    lab::Plan plan;
    std::vector<lab::Estimate> estimates;  ///< one per point of the plan
};
/// Reads the study, applies the overrides, expands it. Throws usage.
PlannedStudy plan_study(const Session& session, StudyWords words, const lab::Store& store);

}  // namespace plumb::app
