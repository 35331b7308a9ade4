// SPDX-License-Identifier: Apache-2.0
// Runs a helper program with text on its standard input. No shell is involved: arguments cannot be misread as commands.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::report {

struct ProgramResult {
    int exit_code = 0;  ///< 128 + signal when killed by one
    std::string output;
    std::string errors;
};

/// nullopt when there is no such program; `argv[0]` is looked up in PATH. Throws base::Error{failed} when the system refuses pipes or
/// processes.
std::optional<ProgramResult> run_program(const std::vector<std::string>& argv, std::string_view input);

}  // namespace plumb::report
