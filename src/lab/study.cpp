// SPDX-License-Identifier: Apache-2.0
// What study files, the command line and plans share of a study.
#include "lab/study.h"

#include <algorithm>

namespace plumb::lab {

Origin Experiment::origin_of(const std::string& key) const {
    for (const auto& [known, where] : origins) {
        if (known == key) return where;
    }
    return "default";
}

void Experiment::set_origin(const std::string& key, const Origin& where) {
    for (auto& [known, old] : origins) {
        if (known == key) {
            old = where;
            return;
        }
    }
    origins.emplace_back(key, where);
}

const Axis* Experiment::axis_of(const std::string& key) const {
    for (const Axis& axis : axes) {
        if (std::find(axis.keys.begin(), axis.keys.end(), key) != axis.keys.end()) return &axis;
    }
    return nullptr;
}

Study study_of_family(const Family& family) {
    Experiment experiment;
    experiment.name = experiment.family = family.name();
    experiment.origin = "default";
    for (const Figure& figure : family.figures()) {
        if (!figure.relative || !family.schema().contains(figure.relative->key)) continue;
        const std::string& key = figure.relative->key;
        const bool known = std::find(experiment.interleave.begin(), experiment.interleave.end(), key) != experiment.interleave.end();
        if (!known) experiment.interleave.push_back(key);
    }
    Study study;
    study.name = "family-" + family.name();  // never the name of a study file, so that their results stay apart
    study.title = family.summary();
    study.experiments.push_back(std::move(experiment));
    return study;
}

}  // namespace plumb::lab
