// SPDX-License-Identifier: Apache-2.0
// A study as the store keeps it (study.json): what was asked for, with the families' declarations, so that any run renders without the code
// that made it.
//
//   {"schema": 1, "name", "title", "summary",
//    "command": "plumb run attention",                the whole study, with what the command line changed
//    "answers": [Answer ...],
//    "experiments": [{
//        "name", "family", "family_version", "family_summary",
//        "parameters": [Parameter ...], "metrics": [Metric ...],
//        "figures": [Figure ...],                     those the experiment wants, in its order
//        "interleave": [key ...], "seed", "repeats", "timeout_seconds", "memory_limit", "isolate",
//        "stop": {"half_width", "max_seconds", "min_seconds", "min_samples", "max_samples", "warmup_seconds", "warmup_calls"},
//        "command": "plumb run attention --experiment ladder",
//        "origins": [[key, origin] ...],              as Experiment::origins
//        "points": [Point ...]}]}                     in order of running
// Answer, Parameter, Metric, Figure as in figure.h, Point as in point.h.
#pragma once
#include <set>
#include <string>

#include "lab/plan.h"
#include "lab/study.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

constexpr int declaration_schema = 1;

nlohmann::json declare(const Study& study, const Plan& plan, const Families& families);

/// `fresh` with what `old` adds to it, so that running a part of a study does not take the rest out of its tables. At the end of the
/// experiment of the same name: old points that have a run (hash in `known_hashes`), were made by the same family, version and parameters,
/// and are not among the new ones by settings, seed and repeat. Old experiments that `fresh` lacks stay at their old place with such
/// points, and their answers with them. What cannot be read of `old` is left out: the runs themselves stay in the store.
nlohmann::json merge_declarations(const nlohmann::json& old, const nlohmann::json& fresh, const std::set<std::string>& known_hashes);

/// One point as a study file of its own: every value resolved, with its origin as a comment. Running the file measures the same point
/// again.
std::string config_toml(const Study& study, const Experiment& experiment, const Point& point, const Schema& schema);

/// The shell line that runs one experiment (nullptr: all) of the study as it stands, with what the command line changed.
std::string run_command(const Study& study, const Experiment* experiment);

}  // namespace plumb::lab
