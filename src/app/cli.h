// SPDX-License-Identifier: Apache-2.0
// The command line as a function, so that tests call it as a user would.
#pragma once
#include <string>
#include <vector>

#include "lab/family.h"

namespace plumb::app {

/// argv[0] is the program. Prints results to standard output, everything else to standard error. Never throws; returns the exit code of
/// DESIGN section 4.
int run_cli(const std::vector<std::string>& argv, const lab::Families& families);

/// The word after the program that starts a child of `--isolate`; not for people.
inline constexpr const char* child_word = "__points";

}  // namespace plumb::app
