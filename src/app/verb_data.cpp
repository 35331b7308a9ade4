// SPDX-License-Identifier: Apache-2.0
// data: data sets: list, verify by SHA-256, path, how to bring one's own.
#include <iostream>
#include <memory>

#include "app/data_sets.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/units.h"

namespace plumb::app {

namespace {

std::vector<DataSet> chosen_sets(const std::string& name) {
    return name.empty() ? data_sets() : std::vector<DataSet>{data_set_named(name)};
}

report::Table list_table(const std::vector<DataSet>& sets) {
    using report::Content;
    report::Table table{"data sets",
                        {{"data", "data set", Content::code},
                         {"state", "state", Content::status},
                         {"bytes", "size", Content::number},
                         {"licence", "licence", Content::prose},
                         {"summary", "what it is", Content::prose},
                         {"source", "from", Content::prose}},
                        {}};
    for (const DataSet& set : sets) {
        std::int64_t bytes = 0;
        for (const DataFile& file : set.files) bytes += file.bytes;
        table.rows.push_back({report::text_cell(set.name), report::status_cell(set.state()),
                              report::number_cell(static_cast<double>(bytes), base::format_size(static_cast<double>(bytes))),
                              report::text_cell(set.licence), report::text_cell(set.summary), report::text_cell(set.source)});
    }
    return table;
}

/// Returns whether every file passed.
bool verify_table(const std::vector<DataSet>& sets, report::Table& table) {
    using report::Content;
    table = {
        "data files", {{"data", "data set", Content::code}, {"file", "file", Content::code}, {"sha256", "SHA-256", Content::status}}, {}};
    bool sound = true;
    for (const DataSet& set : sets) {
        for (const DataFile& file : set.files) {
            const std::string state = verify(file);
            sound = sound && state == "passed";
            table.rows.push_back(
                {report::text_cell(set.name), report::text_cell(file.path.filename().string()), report::status_cell(state)});
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
    verb->footer("Bring your own: add its files and their SHA-256 to manifest.toml of a folder, and name that folder in PLUMB_DATA.");
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const std::vector<DataSet> sets = chosen_sets(options->set);
        if (options->action == "path") {
            for (const DataSet& set : sets) {
                for (const DataFile& file : set.files) std::cout << file.path.string() << "\n";
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
