// SPDX-License-Identifier: Apache-2.0
// list: what there is. Families and studies by default; the parameters, metrics and figures of one family; codecs; kernels; devices; data
// sets.
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "kernels/attention/implementations.h"
#include "kernels/codec/codec.h"
#include "kernels/codec/nvcomp_batched.h"
#include "kernels/gpu/cuda.h"
#include "lab/data_sets.h"
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
        const report::Cell place = text_cell(file.lexically_proximate(std::filesystem::current_path()).string());
        try {
            const lab::Study study = lab::read_study(file, session.families);
            table.rows.push_back(
                {text_cell(study.name), text_cell(std::to_string(study.experiments.size())), text_cell(study.title), place});
        } catch (const base::Error& error) {  // one study that cannot be read hides no other
            table.rows.push_back({text_cell(file.stem().string()), text_cell("0"), text_cell(error.what()), place});
        }
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
    const auto add = [&](const std::string& name, const std::string& state, const std::string& facts) {
        table.rows.push_back({text_cell(name), report::status_cell(state), text_cell(facts)});
    };
    add("cpu", "present", lab::summarize_host(lab::collect_host()));
    const kernels::gpu::Cuda& cuda = kernels::gpu::cuda();
    for (std::size_t ordinal = 0; ordinal < cuda.devices.size(); ++ordinal)
        add("cuda:" + std::to_string(ordinal), "present", cuda.devices[ordinal]);
    if (cuda.devices.empty()) add("cuda:0", "missing", cuda.missing);
    return table;
}

/// "1 to 22, default 3"; "i8 … u64" for a typed codec; both, or nothing.
std::string options_of(const kernels::codec::Codec& codec) {
    std::vector<std::string> options;
    if (codec.levels) {
        options.push_back("level " + std::to_string(codec.levels->low) + " to " + std::to_string(codec.levels->high) + ", default " +
                          std::to_string(codec.levels->normal));
    }
    if (!codec.elements.empty()) options.push_back("element, default " + std::string(kernels::codec::name(*codec.normal_element)));
    if (codec.cascaded) options.emplace_back("rle, delta, bitpack");
    return base::join(options, "; ");
}

Table codecs_table() {
    Table table{"codecs",
                {{"codec", "codec", Content::code},
                 {"state", "state", Content::status},
                 {"library", "library"},
                 {"format", "format"},
                 {"options", "options", Content::prose},
                 {"summary", "what it is", Content::prose}},
                {}};
    const auto add = [&](const kernels::codec::Codec& codec, const std::string& missing) {
        table.rows.push_back({text_cell(codec.name), report::status_cell(missing.empty() ? "present" : "missing"), text_cell(codec.library),
                              text_cell(codec.format), text_cell(options_of(codec)), text_cell(missing.empty() ? codec.summary : missing)});
    };
    for (const kernels::codec::Codec& codec : kernels::codec::codecs()) add(codec, codec.missing);
    // These take both a device and the library; without a device the library's absence is the smaller trouble.
    const std::string& device = kernels::gpu::cuda().missing;
    for (const auto& codec : kernels::codec::nvcomp_batched_codecs())
        add(codec.facts, device.empty() ? kernels::codec::nvcomp_batched().missing : device);
    return table;
}

Table kernels_table() {
    Table table{
        "kernels",
        {{"kernel", "kernel", Content::code}, {"isa", "depends on isa", Content::status}, {"summary", "what it is", Content::prose}},
        {}};
    for (const auto& entry : kernels::attention::implementations()) {
        table.rows.push_back({text_cell("attention " + std::string(entry.name)), text_cell(entry.uses_isa ? "yes" : "no"),
                              text_cell(std::string(entry.description))});
    }
    return table;
}

Table data_table() {
    Table table{"data sets",
                {{"data", "data set", Content::code}, {"state", "state", Content::status}, {"summary", "what it is", Content::prose}},
                {}};
    for (const lab::DataSet& set : lab::data_sets())
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
    CLI::App* verb = app.add_subcommand("list", "families, studies, codecs, kernels, devices, data sets; what one family lets you vary");
    verb->add_option("what", options->what,
                     "families, studies, codecs, kernels, devices, data, or the name of a family; nothing: families and studies");
    add_output_form(*verb, options->form);
    verb->callback([options, &session] {
        const std::string& what = options->what;
        std::vector<Table> tables;
        if (what.empty() || what == "families") tables.push_back(families_table(session));
        if (what.empty() || what == "studies") tables.push_back(studies_table(session));
        if (what == "codecs") tables.push_back(codecs_table());
        if (what == "kernels") tables.push_back(kernels_table());
        if (what == "devices") tables.push_back(devices_table());
        if (what == "data") tables.push_back(data_table());
        if (tables.empty()) {
            std::vector<std::string> names;
            for (const auto& family : session.families) names.push_back(family->name());
            if (std::find(names.begin(), names.end(), what) == names.end()) {
                names.insert(names.end(), {"families", "studies", "codecs", "kernels", "devices", "data"});
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
