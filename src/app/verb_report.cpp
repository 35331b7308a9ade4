// SPDX-License-Identifier: Apache-2.0
// report and figure: results as one page, and one figure as a file.
#include <iostream>
#include <memory>

#include "app/verbs.h"
#include "base/file.h"
#include "base/text.h"
#include "report/export.h"
#include "report/page.h"
#include "report/summary.h"

namespace plumb::app {

void add_report(CLI::App& app, Session& session) {
    struct Options {
        std::vector<std::string> studies;
        std::string output;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("report", "one HTML file of one or more studies, to read and send; works offline");
    verb->add_option("studies", options->studies, "studies that have results")->required();
    verb->add_option("-o,--output", options->output, "file (default: STUDY.html)");
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        std::vector<lab::StudyView> views;
        for (const std::string& study : options->studies) views.push_back(lab::load_view(store, study));
        const std::filesystem::path file = options->output.empty() ? options->studies.front() + ".html" : options->output;
        if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
        report::PageOptions page_options;
        page_options.command = "plumb report " + base::join(options->studies, " ");
        base::replace_file(file, report::page(store, views, page_options));
        for (const lab::StudyView& view : views) std::cout << report::summary(store, view, file.string());
    });
}

void add_figure(CLI::App& app, Session& session) {
    struct Options {
        std::string study, figure, output;
    };
    const auto options = std::make_shared<Options>();
    CLI::App* verb = app.add_subcommand("figure", "one figure as SVG, PNG, PDF or Vega-Lite JSON");
    verb->add_option("study", options->study, "study that has results")->required();
    verb->add_option("figure", options->figure, "name of the figure, as in speedup or ladder/speedup")->required();
    verb->add_option("-o,--output", options->output, "file ending in .svg, .png, .pdf or .json")->required();
    verb->callback([options, &session] {
        const lab::Store store = session.store();
        const lab::StudyView view = lab::load_view(store, options->study);
        const std::filesystem::path file = options->output;
        if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
        report::export_figure(store, view, report::figure_named(view, options->figure), report::format_of(file), file);
        std::cout << file.string() << "\n";
    });
}

}  // namespace plumb::app
