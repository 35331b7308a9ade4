// SPDX-License-Identifier: Apache-2.0
// plan: the points of a study, what is done, what the rest will cost. Runs nothing.
#include <iostream>
#include <memory>
#include <set>

#include "app/study_words.h"
#include "app/verbs.h"
#include "base/units.h"
#include "lab/record.h"

namespace plumb::app {

namespace {

using report::Cell;

std::string basis_text(lab::Estimate::Basis basis) {
    switch (basis) {
        case lab::Estimate::Basis::same_point:
            return "this point";
        case lab::Estimate::Basis::similar_points:
            return "similar points";
        case lab::Estimate::Basis::none:
            break;
    }
    return "unknown";
}

report::Table plan_table(const Session& session, const PlannedStudy& planned, const std::map<std::string, lab::Record>& latest) {
    report::Table table{planned.study.name, {}, {}};
    table.columns = {{"number", "#", report::Content::number},
                     {"experiment", "experiment"},
                     {"point", "point", report::Content::prose},
                     {"hash", "hash", report::Content::code},
                     {"group", "measured with", report::Content::number},
                     {"state", "state", report::Content::status},
                     {"time_s", "time", report::Content::number},
                     {"disk_B", "disk", report::Content::number},
                     {"estimated_from", "estimated from"}};
    for (std::size_t index = 0; index < planned.plan.points.size(); ++index) {
        const lab::PlannedPoint& point = planned.plan.points[index];
        const lab::Estimate& estimate = planned.estimates[index];
        const auto found = latest.find(point.point.hash());
        const bool known = estimate.basis != lab::Estimate::Basis::none;
        table.rows.push_back({report::number_cell(static_cast<double>(index + 1), std::to_string(index + 1)),
                              report::text_cell(planned.study.experiments[point.experiment].name),
                              report::text_cell(point.point.describe(lab::family_named(session.families, point.point.family).schema())),
                              report::text_cell(point.point.short_hash()),
                              report::number_cell(static_cast<double>(point.group + 1), std::to_string(point.group + 1)),
                              report::status_cell(found == latest.end() ? "not run" : std::string(lab::name(found->second.status))),
                              known ? report::number_cell(estimate.seconds, base::format_seconds(estimate.seconds)) : report::empty_cell(),
                              known ? report::number_cell(estimate.bytes, base::format_size(estimate.bytes)) : report::empty_cell(),
                              report::text_cell(basis_text(estimate.basis))});
    }
    return table;
}

/// What is left to do in one line.
std::string sum_up(const PlannedStudy& planned, const std::map<std::string, lab::Record>& latest) {
    std::set<std::string> seen;
    int done = 0, failed = 0, left = 0, unknown = 0;
    double seconds = 0, bytes = 0;
    for (std::size_t index = 0; index < planned.plan.points.size(); ++index) {
        const std::string hash = planned.plan.points[index].point.hash();
        if (!seen.insert(hash).second) continue;
        const auto found = latest.find(hash);
        if (found != latest.end() && found->second.status == lab::Status::done)
            ++done;
        else if (found != latest.end() && found->second.status != lab::Status::interrupted)
            ++failed;
        else {
            ++left;
            const lab::Estimate& estimate = planned.estimates[index];
            if (estimate.basis == lab::Estimate::Basis::none) ++unknown;
            seconds += estimate.seconds;
            bytes += estimate.bytes;
        }
    }
    std::string text = std::to_string(seen.size()) + " points: " + std::to_string(done) + " done, " + std::to_string(failed) +
                       " failed or unsupported (again with --rerun failed), " + std::to_string(left) + " to run";
    if (left > unknown) text += ", about " + base::format_seconds(seconds) + " and " + base::format_size(bytes);
    if (unknown > 0) text += ", no estimate for " + std::to_string(unknown);
    return text;
}

}  // namespace

void add_plan(CLI::App& app, Session& session) {
    struct Options {
        StudyWords words;
        OutputForm form;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("plan", "the points of a study, what is done, what the rest will cost; runs nothing");
    add_study_words(*verb, options->words);
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const PlannedStudy planned = plan_study(session, options->words, store);
        const auto latest = store.latest(planned.study.name);
        print_table(session, plan_table(session, planned, latest), options->form);
        std::cerr << sum_up(planned, latest) << "\n";
    });
}

}  // namespace plumb::app
