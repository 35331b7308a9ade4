// SPDX-License-Identifier: Apache-2.0
// compare: two studies, two runs, or the points of one study that differ only in one key.
#include <algorithm>
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "lab/compare.h"
#include "report/study_tables.h"
#include "report/words.h"

namespace plumb::app {

namespace {

struct Options {
    std::vector<std::string> what;
    std::string by, baseline, metric = "time", fail_on;
    OutputForm form;
};

/// A store given as a folder beside a study ("other/runs:demo"), else the session's.
struct Side {
    lab::Store store;
    lab::StudyView view;
};

Side read_side(const Session& session, const std::string& word) {
    const std::size_t cut = word.rfind(':');
    const bool elsewhere = cut != std::string::npos && std::filesystem::is_directory(word.substr(0, cut));
    const lab::Store store = elsewhere ? lab::Store(word.substr(0, cut)) : session.store();
    return {store, lab::load_view(store, elsewhere ? word.substr(cut + 1) : word)};
}

int print_comparison(const Session& session, const lab::StudyView& view, const std::vector<lab::ComparisonRow>& rows,
                     const std::string& key, const lab::Figure* figure, const Options& options) {
    print_table(session, report::comparison_table(view, rows, key, figure), options.form);
    if (const std::string remark = lab::chance_remark(rows); !remark.empty() && !session.quiet) std::cerr << remark << "\n";
    const auto is_verdict = [&](const lab::ComparisonRow& row) {
        return row.judgement && lab::name(row.judgement->verdict) == options.fail_on;
    };
    const auto hits = std::count_if(rows.begin(), rows.end(), is_verdict);
    if (options.fail_on.empty()) {
        if (!session.quiet) std::cerr << "exit code 0 whatever the verdicts; --fail-on slower makes a regression fail\n";
        return 0;
    }
    std::cerr << hits << " of " << rows.size() << " are " << options.fail_on << "\n";
    return hits > 0 ? base::exit_code(base::ErrorKind::check_failed) : 0;
}

/// The figure whose published values can stand beside this comparison.
const lab::Figure* figure_with_published(const lab::StudyView& view, const std::string& key) {
    for (const lab::ViewExperiment& experiment : view.experiments) {
        for (const lab::Figure& figure : experiment.figures) {
            if (figure.relative && figure.relative->key == key && !figure.published.empty()) return &figure;
        }
    }
    return nullptr;
}

int compare_within(const Session& session, const Options& options) {
    const Side side = read_side(session, options.what.front());
    const lab::Figure* figure = figure_with_published(side.view, options.by);
    std::string baseline = options.baseline;
    if (baseline.empty() && figure) baseline = figure->relative->baseline;
    const auto rows = lab::compare_by(side.store, side.view, options.by, baseline, options.metric);
    return print_comparison(session, side.view, rows, options.by, figure, options);
}

int compare_two_runs(const Session& session, const Options& options) {
    const lab::Store store = session.store();
    const lab::Record a = store.find(options.what[0]);
    const lab::Record b = store.find(options.what[1]);
    const lab::Family& family = lab::family_named(session.families, a.point.family);
    const auto metric = std::find_if(family.metrics().begin(), family.metrics().end(),
                                     [&](const lab::Metric& known) { return known.name == options.metric; });
    if (metric == family.metrics().end()) {
        std::vector<std::string> names;
        for (const lab::Metric& known : family.metrics()) names.push_back(known.name);
        throw base::Error(base::ErrorKind::usage, "family " + family.name() + " has no metric '" + options.metric + "'",
                          base::suggest(options.metric, names));
    }
    const lab::Judgement judgement = lab::compare_records(store, a, b, *metric);
    report::Table table{"comparison",
                        {{"baseline", "baseline", report::Content::code},
                         {"candidate", "candidate", report::Content::code},
                         {"ratio", "ratio", report::Content::number},
                         {"low", "low", report::Content::number},
                         {"high", "high", report::Content::number},
                         {"verdict", "verdict", report::Content::status},
                         {"reason", "reason", report::Content::prose}},
                        {}};
    const auto number = [](double value) { return report::number_cell(value, report::times_text(value)); };
    table.rows.push_back({report::text_cell(a.run), report::text_cell(b.run), number(judgement.ratio.value), number(judgement.ratio.low),
                          number(judgement.ratio.high), report::status_cell(std::string(lab::name(judgement.verdict))),
                          report::text_cell(judgement.reason)});
    print_table(session, table, options.form);
    return !options.fail_on.empty() && lab::name(judgement.verdict) == options.fail_on ? base::exit_code(base::ErrorKind::check_failed) : 0;
}

int compare_two(const Session& session, const Options& options) {
    const std::vector<std::string> studies = session.store().studies();
    const auto is_run = [&](const std::string& word) {
        return word.find(':') == std::string::npos && std::find(studies.begin(), studies.end(), word) == studies.end();
    };
    if (is_run(options.what[0]) && is_run(options.what[1])) return compare_two_runs(session, options);
    const Side a = read_side(session, options.what[0]);
    const Side b = read_side(session, options.what[1]);
    return print_comparison(session, a.view, lab::compare_views(a.store, a.view, b.store, b.view, options.metric), "study", nullptr,
                            options);
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("compare", "faster, slower, same or unclear: A against B, or the points of a study by one key");
    verb->add_option("what", options->what, "A B (studies, FOLDER:STUDY, or runs), or one STUDY with --by")->required()->expected(1, 2);
    verb->add_option("--by", options->by, "compare the points of one study that differ only in this parameter");
    verb->add_option("--baseline", options->baseline, "value of --by that the others are compared with");
    verb->add_option("--metric", options->metric, "what to compare (default: time)");
    verb->add_option("--fail-on", options->fail_on, "exit with 1 when a verdict is this")
        ->check(CLI::IsMember({"faster", "slower", "same", "unclear"}));
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        if (options->what.size() == 1 && options->by.empty()) {
            throw base::Error(base::ErrorKind::usage, "one study alone has nothing to be compared with",
                              "plumb compare STUDY --by KEY, or plumb compare A B");
        }
        if (options->what.size() == 2 && !options->by.empty()) {
            throw base::Error(base::ErrorKind::usage, "--by compares points of one study, but two were named", "leave one of them out");
        }
        session.exit_code = options->what.size() == 1 ? compare_within(session, *options) : compare_two(session, *options);
    });
}

}  // namespace plumb::app
