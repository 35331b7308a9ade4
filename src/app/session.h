// SPDX-License-Identifier: Apache-2.0
// What every verb has at hand: families, store, terminal, the words of the command line. main.cpp makes one; verbs take a reference.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/terminal.h"
#include "lab/family.h"
#include "lab/store.h"
#include "lab/study.h"
#include "report/table.h"

namespace plumb::app {

/// How a verb that prints a table prints it.
struct OutputForm {
    bool json = false;
    bool csv = false;
    bool markdown = false;
};

struct Session {
    lab::Families families;
    std::vector<std::string> argv;
    std::string runs;  ///< --runs; empty: PLUMB_RUNS or ./runs
    std::string colour = "auto";
    bool quiet = false;
    int exit_code = 0;

    lab::Store store() const;
    Terminal out() const;  ///< standard output
    Terminal err() const;  ///< standard error
};

/// Folders that are searched for NAME.toml: ./studies, PLUMB_STUDIES, the studies that came with the source.
std::vector<std::filesystem::path> study_files();
/// A study by name, by path of a TOML file, or the study of a single family ("attention" where no study has that name, or
/// "family:attention"). Throws usage with the nearest name.
lab::Study find_study(std::string_view word, const lab::Families& families);

/// Prints in the form asked for; `json` is used for --json where given, else JSON lines of the table.
void print_table(const Session& session, const report::Table& table, const OutputForm& form);

}  // namespace plumb::app
