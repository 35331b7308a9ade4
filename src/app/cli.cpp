// SPDX-License-Identifier: Apache-2.0
#include "app/cli.h"

#include <unistd.h>

#include <iostream>

#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "lab/runner.h"

namespace plumb::app {

namespace {

using AddVerb = void (*)(CLI::App&, Session&);
constexpr AddVerb verb_table[] = {add_list,   add_plan,   add_run,    add_show,   add_compare, add_report,
                                  add_figure, add_export, add_import, add_doctor, add_data};

constexpr const char* tour =
    R"(plumb measures neural-network compute and reports no number whose output was not checked.

  plumb list                                   families, studies, what can be varied
  plumb plan attention                         the points of a study and what they will cost
  plumb run demo                               run what is missing; kill it and run it again, nothing is lost
  plumb show demo                              the results as a table (--json, --csv, --markdown)
  plumb compare demo --by impl                 faster, slower, same or unclear, with intervals
  plumb report demo -o demo.html               one page to read and send
  plumb run attention impl=fused keys=32..8192*2 queries=1   your own sweep
  plumb doctor                                 this machine, its noise floor, what is missing; plumb VERB --help for more
)";

void print_error(const base::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    if (!error.hint().empty()) std::cerr << "  " << error.hint() << "\n";
}

std::vector<std::string> verb_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(verb->get_name());
    return names;
}

/// CLI11 would say that the word was not expected; the nearest verb helps more.
void reject_unknown_verb(const CLI::App& app, const std::vector<std::string>& argv) {
    const std::vector<std::string> names = verb_names(app);
    for (std::size_t word = 1; word < argv.size(); ++word) {
        if (argv[word] == "--runs" || argv[word] == "--color") {
            ++word;
            continue;
        }
        if (argv[word].starts_with("-")) continue;
        if (std::find(names.begin(), names.end(), argv[word]) != names.end()) return;
        throw base::Error(base::ErrorKind::usage, "unknown verb '" + argv[word] + "'", base::suggest(argv[word], names));
    }
}

int parse_and_run(const std::vector<std::string>& argv, const lab::Families& families) {
    Session session;
    session.families = families;
    session.argv = argv;

    CLI::App app("plumb: a lab for neural-network compute", "plumb");
    app.set_version_flag("--version", "plumb " + base::code_version());
    app.add_option("--runs", session.runs, "folder of results (default: PLUMB_RUNS, else ./runs)");
    app.add_option("--color", session.colour, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
    app.add_flag("-q,--quiet", session.quiet, "no progress and no notes");
    app.fallthrough();
    app.require_subcommand(0, 1);
    for (const AddVerb add : verb_table) add(app, session);
    reject_unknown_verb(app, argv);

    std::vector<std::string> words(argv.rbegin(), argv.rend() - 1);  // CLI11 takes them in reverse order
    try {
        app.parse(words);
    } catch (const CLI::Success& asked) {  // --help and --version
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        const std::vector<CLI::App*> chosen = app.get_subcommands();
        const std::string verb = chosen.empty() ? "" : " " + chosen.front()->get_name();
        throw base::Error(base::ErrorKind::usage, error.what(), "plumb" + verb + " --help shows what it takes");
    }
    if (app.get_subcommands().empty()) std::cout << tour;
    return session.exit_code;
}

}  // namespace

void add_output_form(CLI::App& verb, OutputForm& form) {
    auto* json = verb.add_flag("--json", form.json, "for programs: JSON");
    auto* csv = verb.add_flag("--csv", form.csv, "for spreadsheets: CSV, units in the column names")->excludes(json);
    verb.add_flag("--markdown", form.markdown, "for a README: Markdown")->excludes(json)->excludes(csv);
}

int run_cli(const std::vector<std::string>& argv, const lab::Families& families) {
    try {
        if (argv.size() > 1 && argv[1] == child_word) return lab::run_child(families);
        const int code = parse_and_run(argv, families);
        std::cout.flush();
        return code;
    } catch (const base::Error& error) {
        print_error(error);
        return base::exit_code(error.kind());
    } catch (const std::exception& error) {
        print_error({base::ErrorKind::internal, std::string("plumb failed: ") + error.what(),
                     "this is a defect of plumb: please report the command and this text"});
        return base::exit_code(base::ErrorKind::internal);
    }
}

}  // namespace plumb::app
