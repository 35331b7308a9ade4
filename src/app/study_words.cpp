// SPDX-License-Identifier: Apache-2.0
#include "app/study_words.h"

#include "base/units.h"

namespace plumb::app {

void add_study_words(CLI::App& verb, StudyWords& words) {
    lab::Overrides& overrides = words.overrides;
    verb.add_option("study", words.study, "study, file.toml, or family")->required();
    verb.add_option("settings", overrides.assignments, "key=value, key=a,b, key=1..9, key=4KiB..16MiB*4, (k1,k2)=(a,1),(b,2)");
    verb.add_option("--exclude", overrides.excludes, "drop points, as in 'impl=loop keys=8192'")->take_all()->allow_extra_args(false);
    verb.add_option("--experiment", overrides.experiments, "only these experiments of the study")->take_all()->allow_extra_args(false);
    verb.add_option("--seed", overrides.seed, "seed of all random numbers");
    verb.add_option("--repeats", overrides.repeats, "runs of each point with different random numbers")->check(CLI::PositiveNumber);
    verb.add_option("--timeout", words.timeout, "per point, as in 90s or '10 min'");
    verb.add_option("--max-time", words.max_seconds, "sampling time per action, as in 2s");
    verb.add_option("--half-width", overrides.half_width, "stop when the interval's half-width is below this share")
        ->check(CLI::PositiveNumber);
    verb.add_option("--memory-limit", words.memory_limit, "per point, as in 4GiB");
    verb.add_flag("--isolate", overrides.isolate, "every group of points in a process of its own");
}

PlannedStudy plan_study(const Session& session, StudyWords words, const lab::Store& store) {
    if (!words.timeout.empty()) words.overrides.timeout_seconds = base::parse_seconds(words.timeout);
    if (!words.max_seconds.empty()) words.overrides.max_seconds = base::parse_seconds(words.max_seconds);
    if (!words.memory_limit.empty()) words.overrides.memory_limit = base::parse_bytes(words.memory_limit);
    PlannedStudy planned{find_study(words.study, session.families), {}, {}};
    lab::apply(words.overrides, planned.study, session.families);
    planned.plan = lab::make_plan(planned.study, session.families);
    planned.estimates = lab::estimate(planned.plan, store, session.families);
    return planned;
}

}  // namespace plumb::app
