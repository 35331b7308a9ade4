// SPDX-License-Identifier: Apache-2.0
// Expansion of a study to points. What they will cost is learnt in estimate.cpp.
#include "lab/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t most_points = 1'000'000;

// Every combination of the axes' rows, first axis slowest.
std::vector<Settings> combinations(const Experiment& experiment) {
    std::size_t count = 1;
    for (const Axis& axis : experiment.axes) {
        // Each factor is at most most_values and count at most most_points here: the product fits.
        count *= axis.values.size();
        if (count > most_points) {
            throw Error(ErrorKind::usage, fmt::format("experiment '{}' has more than {} combinations", experiment.name, most_points),
                        "give some axes fewer values, or split the experiment");
        }
    }
    std::vector<Settings> all(1);
    for (const Axis& axis : experiment.axes) {
        std::vector<Settings> longer;
        longer.reserve(all.size() * axis.values.size());
        for (const Settings& begun : all) {
            for (const std::vector<Value>& row : axis.values) {
                Settings settings = begun;
                for (std::size_t i = 0; i < axis.keys.size(); ++i) settings.push_back({axis.keys[i], row[i]});
                longer.push_back(std::move(settings));
            }
        }
        all = std::move(longer);
    }
    return all;
}

bool is_excluded(const Experiment& experiment, const Settings& settings) {
    return std::any_of(experiment.excludes.begin(), experiment.excludes.end(), [&](const Exclude& exclude) {
        return std::all_of(exclude.match.begin(), exclude.match.end(), [&](const auto& match) {
            const Value* value = find(settings, match.first);
            return value != nullptr && std::find(match.second.begin(), match.second.end(), *value) != match.second.end();
        });
    });
}

// What needs data that is not here stays as it was given: the point becomes a row that says so.
Settings resolved(const Family& family, Settings settings) {
    try {
        return family.resolve(settings);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::missing) throw;
        return settings;
    }
}

// The complete settings of each point of one repeat, without duplicates, in order.
std::vector<Settings> settings_of(const Experiment& experiment, const Family& family) {
    std::vector<Settings> kept;
    std::set<std::string> seen;
    for (const Settings& given : combinations(experiment)) {
        Settings settings = family.schema().complete(given);
        if (is_excluded(experiment, settings)) continue;
        settings = resolved(family, std::move(settings));
        if (seen.insert(to_json(settings).dump()).second) kept.push_back(std::move(settings));
    }
    if (kept.empty()) {
        throw Error(ErrorKind::usage, fmt::format("experiment '{}' has no point left", experiment.name),
                    fmt::format("its excludes drop all {} combinations; give an axis more values or take an exclude away",
                                combinations(experiment).size()));
    }
    return kept;
}

// Settings without the interleaved keys: equal text = measured together.
std::string group_key(const Experiment& experiment, const Settings& settings) {
    Settings others;
    for (const Setting& setting : settings) {
        const bool interleaved =
            std::find(experiment.interleave.begin(), experiment.interleave.end(), setting.name) != experiment.interleave.end();
        if (!interleaved) others.push_back(setting);
    }
    return to_json(others).dump();
}

// Points of a group are brought together at the place of the first one; all else keeps its order.
std::vector<std::vector<Settings>> groups_of(const Experiment& experiment, std::vector<Settings> points) {
    std::vector<std::vector<Settings>> groups;
    std::map<std::string, std::size_t> known;
    for (Settings& settings : points) {
        const auto [found, is_first] = known.try_emplace(group_key(experiment, settings), groups.size());
        if (is_first) groups.emplace_back();
        groups[found->second].push_back(std::move(settings));
    }
    return groups;
}

void digest_inputs(PlannedPoint& planned, const Family& family) {
    try {
        planned.point.inputs = family.inputs(planned.point.settings);
    } catch (const Error& error) {
        planned.problem = error.what();
        planned.problem_hint = error.hint();
    } catch (const std::exception& error) {
        planned.problem = error.what();
    }
    if (planned.problem.empty()) return;
    planned.point.inputs.clear();
}

}  // namespace

Plan make_plan(const Study& study, const Families& families) {
    Plan plan;
    for (std::size_t index = 0; index < study.experiments.size(); ++index) {
        const Experiment& experiment = study.experiments[index];
        const Family& family = family_named(families, experiment.family);
        const std::vector<std::vector<Settings>> groups = groups_of(experiment, settings_of(experiment, family));
        for (int repeat = 0; repeat < experiment.repeats; ++repeat) {
            for (const std::vector<Settings>& group : groups) {
                for (const Settings& settings : group) {
                    PlannedPoint planned;
                    planned.point = {family.name(), family.version(), settings, {}, experiment.seed, repeat};
                    planned.experiment = index;
                    planned.group = plan.group_count;
                    digest_inputs(planned, family);
                    plan.points.push_back(std::move(planned));
                }
                ++plan.group_count;
            }
        }
    }
    return plan;
}

}  // namespace plumb::lab
