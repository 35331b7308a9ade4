// SPDX-License-Identifier: Apache-2.0
// run: what a study still lacks, into the store.
#include <iostream>
#include <memory>
#include <set>

#include "app/cli.h"
#include "app/progress.h"
#include "app/study_words.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "lab/stop.h"

namespace plumb::app {

namespace {

lab::Rerun rerun_from(const std::string& word) {
    if (word == "all") return lab::Rerun::all;
    return word == "failed" ? lab::Rerun::failed : lab::Rerun::none;
}

double expected_seconds(const PlannedStudy& planned, const lab::Store& store, lab::Rerun rerun) {
    const auto latest = store.latest(planned.study.name);
    double seconds = 0;
    for (std::size_t index = 0; index < planned.plan.points.size(); ++index) {
        const auto found = latest.find(planned.plan.points[index].point.hash());
        const bool done = found != latest.end() && found->second.status == lab::Status::done && rerun != lab::Rerun::all;
        if (planned.estimates[index].basis == lab::Estimate::Basis::none && !done) return 0;
        if (!done) seconds += planned.estimates[index].seconds;
    }
    return seconds;
}

std::string sum_up(const lab::RunSummary& summary, std::size_t points) {
    std::string text = std::to_string(points) + " points: " + std::to_string(summary.done) + " done and verified";
    const auto add = [&](int count, const char* what) {
        if (count > 0) text += ", " + std::to_string(count) + " " + what;
    };
    add(summary.failed_checks, "failed a check");
    add(summary.failed, "failed");
    add(summary.timed_out, "timed out");
    add(summary.unsupported, "unsupported");
    add(summary.missing, "lack data or a device");
    text += " (" + std::to_string(summary.ran) + " run now, " + std::to_string(summary.skipped) + " were there)";
    return text;
}

std::size_t distinct_points(const lab::Plan& plan) {
    std::set<std::string> hashes;
    for (const lab::PlannedPoint& planned : plan.points) hashes.insert(planned.point.hash());
    return hashes.size();
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
    struct Options {
        StudyWords words;
        std::string rerun = "none";
        std::string engine = "local";
        bool fail_fast = false, keep_going = false, dry_run = false;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("run", "run what a study or family still lacks");
    add_study_words(*verb, options->words);
    verb->add_option("--rerun", options->rerun, "also run again: failed, or all")->check(CLI::IsMember({"none", "failed", "all"}));
    verb->add_option("--engine", options->engine, "where points run: local")->check(CLI::IsMember({"local"}));
    auto* fail_fast = verb->add_flag("--fail-fast", options->fail_fast, "stop at the first failure");
    verb->add_flag("--keep-going", options->keep_going, "a failure is a row and the sweep goes on (default)")->excludes(fail_fast);
    verb->add_flag("--dry-run", options->dry_run, "say what would run, run nothing");
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const PlannedStudy planned = plan_study(session, options->words, store);
        const lab::Rerun rerun = rerun_from(options->rerun);
        const double seconds = expected_seconds(planned, store, rerun);
        if (options->dry_run) {
            for (const lab::PlannedPoint& point : planned.plan.points) {
                std::cout << point.point.short_hash() << "  " << planned.study.experiments[point.experiment].name << "  "
                          << point.point.describe(lab::family_named(session.families, point.point.family).schema()) << "\n";
            }
            return;
        }
        lab::RunOptions run_options;
        run_options.rerun = rerun;
        run_options.fail_fast = options->fail_fast;
        run_options.isolate = options->words.overrides.isolate;
        run_options.argv = session.argv;
        run_options.child_command = {"/proc/self/exe", child_word};
        lab::install_stop_signals();
        lab::RunSummary summary;
        {
            Progress progress(session, planned.plan, seconds);
            summary = lab::Runner(store, session.families, run_options, progress.events()).run(planned.study, planned.plan);
        }
        if (!session.quiet) {
            std::cerr << sum_up(summary, distinct_points(planned.plan)) << "\n";
            const std::string& name = planned.study.name;
            std::cerr << (summary.interrupted ? "stopped; the same command goes on where it was"
                                              : "look at it: plumb show " + name + ", plumb report " + name)
                      << "\n";
        }
        session.exit_code = summary.exit_code();
    });
}

}  // namespace plumb::app
