// SPDX-License-Identifier: Apache-2.0
// A whole sweep in a process of its own, for tests that kill it.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace plumb::test {

inline constexpr const char* sweep_word = "__sweep";

/// argv: program, __sweep, store root, kind ("probe" or "steps"), count, isolate (0 or 1).
int run_sweep_process(int argc, char** argv);

/// Starts one; returns its process id.
pid_t start_sweep(const std::filesystem::path& root, const std::string& kind, int count, bool isolate);
/// Waits for its end; returns the status as waitpid() gives it.
int wait_for(pid_t process);

}  // namespace plumb::test
