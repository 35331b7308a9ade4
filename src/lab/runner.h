// SPDX-License-Identifier: Apache-2.0
// Runs what a plan still lacks: prepare, verify, measure, check again, record, seal. A failure is a row, never the end of the sweep.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lab/plan.h"
#include "lab/stop.h"
#include "lab/store.h"

namespace plumb::lab {

enum class Rerun { none, failed, all };

struct RunOptions {
    Rerun rerun = Rerun::none;
    bool fail_fast = false;
    bool isolate = false;                    ///< every point in a process of its own
    std::vector<std::string> argv;           ///< recorded with each run
    std::vector<std::string> child_command;  ///< how to start a child: program and leading words; the child calls run_child()
};

/// What a listener hears; all members may be empty. Called from the running thread.
struct RunEvents {
    std::function<void(const PlannedPoint&, std::size_t position, std::size_t total)> started;
    std::function<void(const PlannedPoint&, const Timing& so_far)> sampled;
    std::function<void(const PlannedPoint&, const Record&)> finished;
    std::function<void(const std::string&)> note;
};

struct RunSummary {
    int ran = 0;
    int skipped = 0;  ///< were there already
    int done = 0;     ///< of all points, including skipped ones
    int failed_checks = 0;
    int failed = 0;
    int unsupported = 0;
    int timed_out = 0;
    int missing = 0;  ///< data or device not here
    bool interrupted = false;
    /// 0 all done and verified, 1 a check failed, 3 some failed or unsupported, 4 missing data or device, 130 interrupted.
    int exit_code() const;
};

class Runner {
  public:
    Runner(const Store& store, const Families& families, RunOptions options, RunEvents events = {});
    RunSummary run(const Study& study, const Plan& plan);

  private:
    const Store& store_;
    const Families& families_;
    RunOptions options_;
    RunEvents events_;
};

/// Entry point of a child process (see child.h): reads its job from standard input, writes events to standard output. Returns the exit
/// code.
int run_child(const Families& families);

}  // namespace plumb::lab
