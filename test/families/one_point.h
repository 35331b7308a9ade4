// SPDX-License-Identifier: Apache-2.0
// Studies of one point, for tests of a family through the lab's own runner.
#pragma once
#include <string>
#include <utility>

#include "lab/study.h"

namespace plumb::test {

/// `made` with the settings of `changed` in place of those of the same name.
inline lab::Settings with_changes(lab::Settings made, const lab::Settings& changed) {
    for (const lab::Setting& setting : changed) {
        std::erase_if(made, [&](const lab::Setting& each) { return each.name == setting.name; });
        made.push_back(setting);
    }
    return made;
}

/// A study named as the family, with these settings and defaults for the rest.
inline lab::Study one_point_study(const std::string& family, const lab::Settings& settings) {
    lab::Study study;
    study.name = study.title = family;
    lab::Experiment experiment;
    experiment.name = "main";
    experiment.family = family;
    for (const lab::Setting& setting : settings) {
        lab::Axis axis;
        axis.keys = {setting.name};
        axis.values = {{setting.value}};
        experiment.axes.push_back(std::move(axis));
    }
    study.experiments.push_back(std::move(experiment));
    return study;
}

}  // namespace plumb::test
