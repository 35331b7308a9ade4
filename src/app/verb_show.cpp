// SPDX-License-Identifier: Apache-2.0
// show: a study as a table, or one run with its configuration, checks and log.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "families/language/continuation.h"
#include "lab/host.h"
#include "lab/view.h"
#include "report/csv_table.h"
#include "report/study_tables.h"
#include "report/words.h"

namespace plumb::app {

namespace {

struct Options {
    std::string what;
    bool config = false, checks = false, log = false, ledger = false;
    std::string prompt;
    OutputForm form;
};

void show_study(const Session& session, const lab::Store& store, const Options& options) {
    if (!options.prompt.empty()) {
        throw base::Error(base::ErrorKind::usage, "'" + options.what + "' is a study, and every run has a model of its own",
                          "name a run of its table: plumb show " + options.what);
    }
    if (options.ledger) {
        throw base::Error(base::ErrorKind::usage, "'" + options.what + "' is a study, and every run has a ledger of its own",
                          "name a run of its table: plumb show " + options.what);
    }
    const lab::StudyView view = lab::load_view(store, options.what);
    for (const std::string& damaged : view.damaged) std::cerr << "note: not counted: " << damaged << "\n";
    if (options.checks) return print_table(session, report::checks_table(view), options.form);
    if (options.config) {
        for (const lab::ViewRow& row : view.rows) {
            if (row.record)
                std::cout << "# " << row.record->run << "\n" << base::read_file(store.run_folder(*row.record) / "config.toml") << "\n";
        }
        return;
    }
    if (options.form.json) {
        std::cout << report::show_json(view).dump(1) << "\n";
        return;
    }
    if (options.form.csv) return print_table(session, report::all_points_table(view), options.form);
    std::cout << session.out().strong(view.title) << "\n";
    for (std::size_t experiment = 0; experiment < view.experiments.size(); ++experiment) {
        std::cout << "\n"
                  << session.out().strong(view.experiments[experiment].name) << "  " << view.experiments[experiment].command << "\n";
        print_table(session, report::experiment_table(view, experiment), options.form);
    }
}

/// "classes.csv, wrong-pseudo-labels (48 files), ...": what a run left beside its numbers.
std::string artifacts_text(const std::filesystem::path& artifacts) {
    if (!std::filesystem::exists(artifacts)) return {};
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(artifacts)) {
        std::string name = entry.path().filename().string();
        if (entry.is_directory()) {
            const std::filesystem::directory_iterator files(entry.path());
            name += " (" + report::count_text(static_cast<std::size_t>(std::distance(begin(files), end(files))), "file") + ")";
        }
        names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return base::join(names, ", ");
}

report::Table run_table(const lab::Record& record, const std::filesystem::path& folder) {
    using report::Content;
    report::Table table{record.run, {{"what", "what"}, {"value", "value", Content::prose}}, {}};
    const auto add = [&](const std::string& what, const std::string& value) {
        if (!value.empty()) table.rows.push_back({report::text_cell(what), report::text_cell(value)});
    };
    add("run", record.run);
    add("study", record.study + ", experiment " + record.experiment);
    for (const lab::Setting& setting : record.point.settings) add("  " + setting.name, lab::format(setting.value));
    add("seed", std::to_string(record.point.seed) + ", repeat " + std::to_string(record.point.repeat));
    add("status", std::string(lab::name(record.status)));
    add("reason", record.reason);
    add("hint", record.hint);
    for (const lab::MetricValue& metric : record.metrics) {
        add(metric.name,
            base::format_number(metric.value, 6) +
                (metric.low == metric.high ? ""
                                           : "  (" + base::format_number(metric.low, 6) + " to " + base::format_number(metric.high, 6) +
                                                 ", n = " + std::to_string(metric.samples) + ")"));
    }
    for (const lab::Timing& timing : record.timings) {
        add("timing " + timing.action, base::format_seconds(timing.median.value) + ", MAD " +
                                           base::format_seconds(timing.median_absolute_deviation) + ", minimum " +
                                           base::format_seconds(timing.minimum) + ", " + std::to_string(timing.calls_per_sample) +
                                           " calls a sample, stopped: " + std::string(lab::name(timing.stop)));
    }
    add("artifacts", artifacts_text(folder / "artifacts"));
    add("measured with", record.group);
    add("machine", lab::summarize_host(record.host));
    add("code", record.code_version);
    add("started", record.started + ", took " + base::format_seconds(record.seconds));
    return table;
}

void show_run(const Session& session, const lab::Store& store, const Options& options) {
    const lab::Record record = store.find(options.what);
    const std::filesystem::path folder = store.run_folder(record);
    if (options.config) {
        std::cout << base::read_file(folder / "config.toml");
    } else if (options.checks) {
        print_table(session, report::checks_table(record), options.form);
    } else if (options.log) {
        const bool has_log = std::filesystem::exists(folder / "log.txt");
        std::cout << (has_log ? base::read_file(folder / "log.txt") : "");
        if (!has_log) std::cerr << "the run wrote no log\n";
    } else if (options.ledger) {
        if (!std::filesystem::exists(folder / "artifacts" / "ledger.csv")) {
            throw base::Error(base::ErrorKind::missing, "run " + record.run + " of family " + record.point.family + " has no ledger",
                              "finished runs of the family cotrain have one");
        }
        print_table(session, report::csv_table("ledger of " + record.run, base::read_file(folder / "artifacts" / "ledger.csv")),
                    options.form);
    } else if (!options.prompt.empty()) {
        std::cout << families::language::continued(record, folder, options.prompt) << "\n";
    } else {
        print_table(session, run_table(record, folder), options.form);
        std::cerr << "files: " << folder.string() << "\n";
    }
}

}  // namespace

void add_show(CLI::App& app, Session& session) {
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("show", "the results of a study as a table, or one run");
    verb->add_option("what", options->what, "study, or run (folder name, its beginning, or the point's hash)")->required();
    auto* config = verb->add_flag("--config", options->config, "resolved settings with the origin of each");
    auto* checks =
        verb->add_flag("--checks", options->checks, "what the output was compared with, and the line that repeats it")->excludes(config);
    auto* log = verb->add_flag("--log", options->log, "log of one run")->excludes(config)->excludes(checks);
    auto* ledger = verb->add_flag("--ledger", options->ledger, "every pseudo-label of one run of cotrain")
                       ->excludes(config)
                       ->excludes(checks)
                       ->excludes(log);
    verb->add_option("--sample", options->prompt, "a text that the model of one run of language goes on with")
        ->excludes(config)
        ->excludes(checks)
        ->excludes(log)
        ->excludes(ledger);
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const std::vector<std::string> studies = store.studies();
        const bool is_study = std::find(studies.begin(), studies.end(), options->what) != studies.end();
        const bool looks_like_run = !options->what.empty() && std::isxdigit(static_cast<unsigned char>(options->what.front())) &&
                                    options->what.size() >= 4 &&
                                    options->what.find_first_not_of("0123456789abcdefTZ.-") == std::string::npos;
        if (!is_study && (looks_like_run || options->log || options->ledger || !options->prompt.empty()))
            show_run(session, store, *options);
        else
            show_study(session, store, *options);
    });
}

}  // namespace plumb::app
