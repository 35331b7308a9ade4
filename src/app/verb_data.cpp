// SPDX-License-Identifier: Apache-2.0
// data: data sets: list, verify by SHA-256, path, how to bring one's own.
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/units.h"
#include "lab/data_sets.h"

namespace plumb::app {

namespace {

std::vector<lab::DataSet> chosen_sets(const std::string& name) {
    return name.empty() ? lab::data_sets() : std::vector<lab::DataSet>{lab::data_set_named(name)};
}

report::Table list_table(const std::vector<lab::DataSet>& sets) {
    using report::Content;
    report::Table table{"data sets",
                        {{"data", "data set", Content::code},
                         {"state", "state", Content::status},
                         {"bytes", "size", Content::number},
                         {"licence", "licence", Content::prose},
                         {"summary", "what it is", Content::prose},
                         {"source", "from", Content::prose}},
                        {}};
    for (const lab::DataSet& set : sets) {
        std::int64_t bytes = 0;
        for (const lab::DataFile& file : set.files) bytes += file.bytes;
        table.rows.push_back({report::text_cell(set.name), report::status_cell(set.state()),
                              report::number_cell(static_cast<double>(bytes), base::format_size(static_cast<double>(bytes))),
                              report::text_cell(set.licence), report::text_cell(set.summary), report::text_cell(set.source)});
    }
    return table;
}

/// Returns whether no file is altered; files that did not come with plumb may be missing.
bool verify_table(const std::vector<lab::DataSet>& sets, report::Table& table) {
    using report::Content;
    table = {
        "data files", {{"data", "data set", Content::code}, {"file", "file", Content::code}, {"sha256", "SHA-256", Content::status}}, {}};
    bool sound = true;
    for (const lab::DataSet& set : sets) {
        for (const lab::DataFile& file : set.files) {
            const std::string state = lab::verify(file);
            sound = sound && state != "altered";
            table.rows.push_back({report::text_cell(set.name), report::text_cell(file.name), report::status_cell(state)});
        }
    }
    return sound;
}

}  // namespace

void add_data(CLI::App& app, Session& session) {
    struct Options {
        std::string action = "list";
        std::string set;
        OutputForm form;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("data", "data sets: list, verify (SHA-256), path");
    verb->add_option("action", options->action, "list, verify or path")->check(CLI::IsMember({"list", "verify", "path"}));
    verb->add_option("set", options->set, "one data set; nothing: all");
    verb->footer(
        "Files that did not come with plumb: put them, plain or as .zst, into a folder and name that folder in PLUMB_DATA. A data set "
        "of your own: a manifest.toml with SHA-256 sums in that folder, as plumb's own data/manifest.toml.");
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const std::vector<lab::DataSet> sets = chosen_sets(options->set);
        if (options->action == "path") {
            for (const lab::DataSet& set : sets) {
                for (const lab::DataFile& file : set.files) {
                    if (file.present()) std::cout << file.path.string() << "\n";
                }
            }
        } else if (options->action == "verify") {
            report::Table table;
            const bool sound = verify_table(sets, table);
            print_table(session, table, options->form);
            if (!sound) session.exit_code = base::exit_code(base::ErrorKind::missing);
        } else {
            print_table(session, list_table(sets), options->form);
        }
    });
}

}  // namespace plumb::app
