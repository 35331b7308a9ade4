// SPDX-License-Identifier: Apache-2.0
// export: the points of a study for other programs: CSV, JSON lines, TensorBoard event files, log folders of the notebook.
#include <filesystem>
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "report/event_file.h"
#include "report/study_tables.h"

namespace plumb::app {

namespace {

std::filesystem::path required_folder(const std::string& output, const std::string& what) {
    if (output.empty()) throw base::Error(base::ErrorKind::usage, what + " need a folder", "add -o FOLDER");
    return output;
}

/// What trainings left as the notebook's logs, beside each other as the notebook has them.
void export_logs(const lab::Store& store, const lab::StudyView& view, const std::filesystem::path& folder) {
    int runs = 0;
    for (const lab::ViewRow& row : view.rows) {
        if (!row.record) continue;
        const std::filesystem::path logs = store.run_folder(*row.record) / "artifacts" / "logs";
        if (!std::filesystem::exists(logs)) continue;
        std::filesystem::create_directories(folder);
        std::filesystem::copy(logs, folder, std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
        ++runs;
    }
    if (runs == 0) {
        throw base::Error(base::ErrorKind::missing, view.name + " has no training that left the notebook's logs",
                          "run one with exp_id=NAME and a test split: plumb run language-short");
    }
    std::cerr << runs << " log folders in " << folder.string() << "\n";
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
    struct Options {
        std::string study, form = "csv", output;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb =
        app.add_subcommand("export", "the points of a study for other programs: CSV, JSON lines, TensorBoard events, notebook logs");
    verb->add_option("study", options->study, "study")->required();
    verb->add_option("--to", options->form, "csv, jsonl, tensorboard, or notebook: the log folders of its language runs")
        ->check(CLI::IsMember({"csv", "jsonl", "tensorboard", "notebook"}));
    verb->add_option("-o,--output", options->output, "file, or folder for tensorboard and notebook; nothing: standard output");
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const lab::StudyView view = lab::load_view(store, options->study);
        if (options->form == "tensorboard") {
            const int runs = report::export_events(store, view, required_folder(options->output, "event files"));
            std::cerr << runs << " runs; look at them: tensorboard --logdir " << options->output << "\n";
            return;
        }
        if (options->form == "notebook") return export_logs(store, view, required_folder(options->output, "log folders"));
        const report::Table table = report::all_points_table(view);
        const std::string text = options->form == "csv" ? report::to_csv(table) : report::to_json_lines(table);
        if (options->output.empty())
            std::cout << text;
        else
            base::replace_file(options->output, text);
    });
}

}  // namespace plumb::app
