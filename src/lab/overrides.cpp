// SPDX-License-Identifier: Apache-2.0
// Command-line overrides: what they mean for an experiment that already has axes, zips and excludes. The grammar of values is in
// values.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "lab/study.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view origin = "command line";
constexpr std::string_view forms = "write key=value, key=a,b, key=1..9, key=4KiB..16MiB*4 or (k1,k2)=(a,1),(b,2)";

struct Assignment {
    std::vector<std::string> keys;
    std::string text;
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Assignment read_assignment(const std::string& word) {
    const std::string_view trimmed = base::trim(word);
    const std::size_t equals = trimmed.find('=');
    if (equals == std::string_view::npos) throw Error(ErrorKind::usage, fmt::format("'{}' is not key=value", trimmed), std::string(forms));
    Assignment assignment;
    assignment.text = base::trim(trimmed.substr(equals + 1));
    std::string_view left = base::trim(trimmed.substr(0, equals));
    if (left.starts_with('(') && left.ends_with(')') && left.size() > 2) {
        for (const std::string& key : base::split(left.substr(1, left.size() - 2), ',')) {
            const std::string name(base::trim(key));
            if (contains(assignment.keys, name))
                throw Error(ErrorKind::usage, fmt::format("'{}' names {} twice", word, name), std::string(forms));
            assignment.keys.push_back(name);
        }
    } else {
        assignment.keys.emplace_back(left);
    }
    if (contains(assignment.keys, "")) throw Error(ErrorKind::usage, fmt::format("'{}' has no key before '='", word), std::string(forms));
    return assignment;
}

bool knows_all(const Family& family, const std::vector<std::string>& keys) {
    return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return family.schema().contains(key); });
}

// Throws unless every key is known, and all of them together to at least one experiment.
void require_known(const Study& study, const Families& families, const std::vector<std::string>& keys) {
    std::vector<std::string> names;
    bool together = false;
    for (const Experiment& experiment : study.experiments) {
        const Family& family = family_named(families, experiment.family);
        together = together || knows_all(family, keys);
        for (const Parameter& parameter : family.schema().parameters()) {
            if (!contains(names, parameter.name)) names.push_back(parameter.name);
        }
    }
    for (const std::string& key : keys) {
        if (!contains(names, key))
            throw Error(ErrorKind::usage, fmt::format("no parameter '{}' in study '{}'", key, study.name), base::suggest(key, names));
    }
    if (!together) {
        throw Error(ErrorKind::usage,
                    fmt::format("no experiment of study '{}' has all of the parameters {}", study.name, fmt::join(keys, ", ")),
                    "give them one by one");
    }
}

// Says where, since a value may fit one family and not another.
[[noreturn]] void rethrow_for(const Experiment& experiment, const Study& study, const Error& error) {
    if (study.experiments.size() == 1) throw Error(error.kind(), error.what(), error.hint());
    const std::string hint = error.hint() + (error.hint().empty() ? "" : "; ") + "or choose experiments with --experiment";
    throw Error(error.kind(), fmt::format("experiment '{}': {}", experiment.name, error.what()), hint);
}

// Takes `key` out of a zip of the file. What the other keys of the zip do then repeats; the plan runs equal points once.
void leave_zip(Axis& zip, const std::string& key, const Schema& schema) {
    const auto at = std::find(zip.keys.begin(), zip.keys.end(), key) - zip.keys.begin();
    zip.keys.erase(zip.keys.begin() + at);
    for (std::vector<Value>& row : zip.values) row.erase(row.begin() + at);
    if (!zip.typed.empty() && !zip.keys.empty()) zip.typed = as_typed(schema, zip.keys, zip.values);
}

void replace_axis(Experiment& experiment, const Schema& schema, const Assignment& assignment) {
    Axis added{assignment.keys, {}, std::string(origin), assignment.text};
    added.values = expand_zip(schema, assignment.keys, assignment.text);

    std::size_t position = experiment.axes.size();
    for (std::size_t i = 0; i < experiment.axes.size(); ++i) {
        Axis& axis = experiment.axes[i];
        const auto named = [&](const std::string& key) { return contains(assignment.keys, key); };
        if (std::none_of(axis.keys.begin(), axis.keys.end(), named)) continue;
        const bool whole = std::all_of(axis.keys.begin(), axis.keys.end(), named);
        if (!whole && added.values.size() > 1) {
            throw Error(ErrorKind::usage,
                        fmt::format("{} = {}: {} vary together ({})", fmt::join(assignment.keys, ","), assignment.text,
                                    fmt::join(axis.keys, ", "), axis.origin),
                        fmt::format("give one value, or all of them: ({})=...", fmt::join(axis.keys, ",")));
        }
        position = std::min(position, whole ? i : i + 1);
        for (const std::string& key : assignment.keys) {
            if (contains(axis.keys, key)) leave_zip(axis, key, schema);
        }
    }
    experiment.axes.insert(experiment.axes.begin() + static_cast<std::ptrdiff_t>(position), std::move(added));
    std::erase_if(experiment.axes, [](const Axis& axis) { return axis.keys.empty(); });
    for (const std::string& key : assignment.keys) experiment.set_origin(key, std::string(origin));
}

void apply_assignments(const std::vector<std::string>& words, Study& study, const Families& families) {
    std::vector<std::string> seen;
    for (const std::string& word : words) {
        const Assignment assignment = read_assignment(word);
        for (const std::string& key : assignment.keys) {
            if (contains(seen, key))
                throw Error(ErrorKind::usage, fmt::format("parameter '{}' is given twice", key),
                            fmt::format("list its values: {}=a,b", key));
            seen.push_back(key);
        }
        require_known(study, families, assignment.keys);
        for (Experiment& experiment : study.experiments) {
            const Family& family = family_named(families, experiment.family);
            if (!knows_all(family, assignment.keys)) continue;
            try {
                replace_axis(experiment, family.schema(), assignment);
            } catch (const Error& error) {
                rethrow_for(experiment, study, error);
            }
        }
    }
}

std::vector<Assignment> read_exclude(const std::string& text) {
    std::vector<Assignment> match;
    for (const std::string& word : base::split_outside_brackets(text, ' ')) {
        if (base::trim(word).empty()) continue;
        Assignment assignment = read_assignment(word);
        if (assignment.keys.size() > 1) {
            throw Error(ErrorKind::usage, fmt::format("'{}': an exclude takes no zips", text),
                        "write --exclude 'k1=a k2=b' once for each combination");
        }
        match.push_back(std::move(assignment));
    }
    if (match.empty())
        throw Error(ErrorKind::usage, "an exclude without a key would drop every point", "write --exclude 'key=value key=a,b'");
    return match;
}

void apply_exclude(const std::string& text, Study& study, const Families& families) {
    const std::vector<Assignment> match = read_exclude(text);
    std::vector<std::string> keys;
    for (const Assignment& part : match) keys.push_back(part.keys.front());
    require_known(study, families, keys);
    for (Experiment& experiment : study.experiments) {
        const Family& family = family_named(families, experiment.family);
        if (!knows_all(family, keys)) continue;
        Exclude exclude{{}, std::string(origin), text};
        try {
            for (const Assignment& part : match)
                exclude.match.emplace_back(part.keys.front(), expand_values(family.schema(), part.keys.front(), part.text));
        } catch (const Error& error) {
            rethrow_for(experiment, study, error);
        }
        experiment.excludes.push_back(std::move(exclude));
    }
}

void keep_experiments(const std::vector<std::string>& wanted, Study& study) {
    if (wanted.empty()) return;
    std::vector<std::string> names;
    for (const Experiment& experiment : study.experiments) names.push_back(experiment.name);
    for (const std::string& name : wanted) {
        if (!contains(names, name)) {
            throw Error(ErrorKind::usage, fmt::format("no experiment '{}' in study '{}'", name, study.name), base::suggest(name, names));
        }
    }
    std::erase_if(study.experiments, [&](const Experiment& experiment) { return !contains(wanted, experiment.name); });
    std::erase_if(study.answers, [&](const Answer& answer) { return !answer.experiment.empty() && !contains(wanted, answer.experiment); });
}

void require(bool fine, std::string_view flag, double value, std::string_view rule) {
    if (!fine)
        throw Error(ErrorKind::usage, fmt::format("{} = {}: must be {}", flag, value, rule),
                    fmt::format("leave --{} away to use what the study says", flag));
}

void apply_flags(const Overrides& overrides, Experiment& experiment) {
    const auto from_here = [&](const std::string& key) { experiment.set_origin(key, std::string(origin)); };
    if (overrides.seed) {
        // Beyond this a study file could not hold it.
        require(*overrides.seed < (std::uint64_t{1} << 63), "seed", static_cast<double>(*overrides.seed), "below 2^63");
        experiment.seed = *overrides.seed;
        from_here("seed");
    }
    if (overrides.repeats) {
        require(*overrides.repeats >= 1, "repeats", *overrides.repeats, "at least 1");
        experiment.repeats = *overrides.repeats;
        from_here("repeats");
    }
    if (overrides.timeout_seconds) {
        const double seconds = *overrides.timeout_seconds;
        require(seconds >= 0 && std::isfinite(seconds), "timeout", seconds, "a duration of at least 0 (0: none)");
        experiment.timeout_seconds = seconds;
        from_here("timeout");
    }
    if (overrides.max_seconds) {
        const double seconds = *overrides.max_seconds;
        require(seconds > 0 && std::isfinite(seconds), "max-time", seconds, "a duration above 0");
        experiment.stop.max_seconds = seconds;
        from_here("stop.max_seconds");
    }
    if (overrides.half_width) {
        const double share = *overrides.half_width;
        require(share > 0 && share < 1, "half-width", share, "a share between 0 and 1");
        experiment.stop.half_width = share;
        from_here("stop.half_width");
    }
    if (overrides.memory_limit) {
        require(*overrides.memory_limit >= 0, "memory-limit", static_cast<double>(*overrides.memory_limit), "at least 0 B (0: none)");
        experiment.memory_limit = *overrides.memory_limit;
        from_here("memory_limit");
    }
    if (overrides.isolate) {
        experiment.isolate = true;
        from_here("isolate");
    }
}

}  // namespace

void apply(const Overrides& overrides, Study& study, const Families& families) {
    Study changed = study;
    keep_experiments(overrides.experiments, changed);
    apply_assignments(overrides.assignments, changed, families);
    for (const std::string& exclude : overrides.excludes) apply_exclude(exclude, changed, families);
    for (Experiment& experiment : changed.experiments) apply_flags(overrides, experiment);
    study = std::move(changed);
}

}  // namespace plumb::lab
