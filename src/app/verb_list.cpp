// SPDX-License-Identifier: Apache-2.0
// list: what there is. Families and studies by default; the parameters, metrics and figures of one family; devices; data sets.
#include <iostream>
#include <memory>

#include "app/data_sets.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "lab/host.h"
#include "report/words.h"

namespace plumb::app {

namespace {

using report::Content;
using report::Table;
using report::text_cell;

Table families_table(const Session& session) {
    Table table{"families", {{"family", "family", Content::code}, {"version", "version"}, {"summary", "what it does", Content::prose}}, {}};
    for (const auto& family : session.families) {
        table.rows.push_back({text_cell(family->name()), text_cell(std::to_string(family->version())), text_cell(family->summary())});
    }
    return table;
}

Table studies_table(const Session& session) {
    Table table{"studies",
                {{"study", "study", Content::code},
                 {"experiments", "experiments"},
                 {"title", "question", Content::prose},
                 {"file", "file", Content::code}},
                {}};
    for (const auto& file : study_files()) {
        const lab::Study study = lab::read_study(file, session.families);
        table.rows.push_back({text_cell(study.name), text_cell(std::to_string(study.experiments.size())), text_cell(study.title),
                              text_cell(file.lexically_proximate(std::filesystem::current_path()).string())});
    }
    return table;
}

std::string allowed(const lab::Parameter& parameter) {
    std::vector<std::string> values;
    for (const lab::Value& value : parameter.choices) values.push_back(lab::format(value, parameter.type));
    if (!values.empty()) return base::join(values, " ");
    const auto number = [&](double bound) {
        return parameter.type == lab::Type::integer || parameter.type == lab::Type::bytes
                   ? lab::format(static_cast<std::int64_t>(bound), parameter.type)
                   : lab::format(bound, parameter.type);
    };
    if (parameter.low > -1e300 && parameter.high < 1e300) return number(parameter.low) + " to " + number(parameter.high);
    return parameter.low > -1e300 ? "from " + number(parameter.low) : "";
}

Table parameters_table(const lab::Family& family) {
    Table table{"parameters of " + family.name(),
                {{"parameter", "parameter", Content::code},
                 {"type", "type"},
                 {"default", "default", Content::code},
                 {"allowed", "allowed", Content::prose},
                 {"help", "meaning", Content::prose}},
                {}};
    for (const lab::Parameter& parameter : family.schema().parameters()) {
        table.rows.push_back({text_cell(parameter.name), text_cell(std::string(lab::name(parameter.type))),
                              text_cell(lab::format(parameter.default_value, parameter.type)), text_cell(allowed(parameter)),
                              text_cell(parameter.help)});
    }
    return table;
}

Table metrics_table(const lab::Family& family) {
    Table table{"metrics of " + family.name(),
                {{"metric", "metric", Content::code}, {"unit", "unit"}, {"better", "better"}, {"help", "meaning", Content::prose}},
                {}};
    for (const lab::Metric& metric : family.metrics()) {
        const char* better = metric.better == lab::Metric::Better::lower    ? "lower"
                             : metric.better == lab::Metric::Better::higher ? "higher"
                                                                            : "";
        table.rows.push_back({text_cell(metric.name), text_cell(metric.unit), text_cell(better), text_cell(metric.help)});
    }
    return table;
}

Table figures_table(const lab::Family& family) {
    Table table{"figures of " + family.name(), {{"figure", "figure", Content::code}, {"title", "title", Content::prose}}, {}};
    for (const lab::Figure& figure : family.figures()) table.rows.push_back({text_cell(figure.name), text_cell(figure.title)});
    return table;
}

Table devices_table() {
    Table table{
        "devices", {{"device", "device", Content::code}, {"state", "state", Content::status}, {"facts", "facts", Content::prose}}, {}};
    const nlohmann::json host = lab::collect_host();
    table.rows.push_back({text_cell("cpu"), report::status_cell("present"), text_cell(lab::summarize_host(host))});
    const bool gpu = host.at("gpu").is_string();
    table.rows.push_back({text_cell("cuda:0"), report::status_cell(gpu ? "present" : "missing"),
                          text_cell(gpu ? host.at("gpu").get<std::string>() : "no NVIDIA driver is loaded on this machine")});
    return table;
}

Table data_table() {
    Table table{"data sets",
                {{"data", "data set", Content::code}, {"state", "state", Content::status}, {"summary", "what it is", Content::prose}},
                {}};
    for (const DataSet& set : data_sets())
        table.rows.push_back({text_cell(set.name), report::status_cell(set.state()), text_cell(set.summary)});
    return table;
}

}  // namespace

void add_list(CLI::App& app, Session& session) {
    struct Options {
        std::string what;
        OutputForm form;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("list", "families, studies, devices, data sets; what one family lets you vary");
    verb->add_option("what", options->what, "families, studies, devices, data, or the name of a family; nothing: families and studies");
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const std::string& what = options->what;
        std::vector<Table> tables;
        if (what.empty() || what == "families") tables.push_back(families_table(session));
        if (what.empty() || what == "studies") tables.push_back(studies_table(session));
        if (what == "devices") tables.push_back(devices_table());
        if (what == "data") tables.push_back(data_table());
        if (tables.empty()) {
            std::vector<std::string> names = {"families", "studies", "devices", "data"};
            for (const auto& family : session.families) names.push_back(family->name());
            if (std::find(names.begin() + 4, names.end(), what) == names.end()) {
                throw base::Error(base::ErrorKind::usage, "nothing to list called '" + what + "'", base::suggest(what, names));
            }
            const lab::Family& family = lab::family_named(session.families, what);
            tables = {parameters_table(family), metrics_table(family), figures_table(family)};
        }
        const bool for_people = !options->form.json && !options->form.csv;
        for (std::size_t index = 0; index < tables.size(); ++index) {
            if (index > 0) std::cout << "\n";
            if (for_people && tables.size() > 1) std::cout << session.out().strong(tables[index].title) << "\n";
            print_table(session, tables[index], options->form);
        }
    });
}

}  // namespace plumb::app
