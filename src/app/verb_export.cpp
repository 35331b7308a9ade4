// SPDX-License-Identifier: Apache-2.0
// export: the points of a study for other programs: CSV, JSON lines, TensorBoard event files.
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "report/event_file.h"
#include "report/study_tables.h"

namespace plumb::app {

void add_export(CLI::App& app, Session& session) {
    struct Options {
        std::string study, form = "csv", output;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("export", "the points of a study for other programs: CSV, JSON lines, TensorBoard events");
    verb->add_option("study", options->study, "study")->required();
    verb->add_option("--to", options->form, "csv, jsonl or tensorboard")->check(CLI::IsMember({"csv", "jsonl", "tensorboard"}));
    verb->add_option("-o,--output", options->output, "file, or folder for tensorboard; nothing: standard output");
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const lab::StudyView view = lab::load_view(store, options->study);
        if (options->form == "tensorboard") {
            if (options->output.empty()) throw base::Error(base::ErrorKind::usage, "event files need a folder", "add -o FOLDER");
            const int runs = report::export_events(store, view, options->output);
            std::cerr << runs << " runs; look at them: tensorboard --logdir " << options->output << "\n";
            return;
        }
        const report::Table table = report::all_points_table(view);
        const std::string text = options->form == "csv" ? report::to_csv(table) : report::to_json_lines(table);
        if (options->output.empty())
            std::cout << text;
        else
            base::replace_file(options->output, text);
    });
}

}  // namespace plumb::app
