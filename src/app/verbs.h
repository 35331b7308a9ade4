// SPDX-License-Identifier: Apache-2.0
// The verbs of the command line. Each file verb_*.cpp declares one group: its words, its help, what it does.
// To add a verb: a function here, its file, and one line of the table in cli.cpp.
#pragma once
#include <CLI/CLI.hpp>

#include "app/session.h"

namespace plumb::app {

// Each adds one subcommand whose callback runs the verb and sets session.exit_code.
void add_list(CLI::App& app, Session& session);
void add_plan(CLI::App& app, Session& session);
void add_run(CLI::App& app, Session& session);
void add_show(CLI::App& app, Session& session);
void add_compare(CLI::App& app, Session& session);
void add_report(CLI::App& app, Session& session);
void add_figure(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_import(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_data(CLI::App& app, Session& session);

/// --json, --csv, --markdown; at most one.
void add_output_form(CLI::App& verb, OutputForm& form);

}  // namespace plumb::app
