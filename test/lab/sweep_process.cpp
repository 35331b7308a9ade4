// SPDX-License-Identifier: Apache-2.0
#include "lab/sweep_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "lab/probe_family.h"
#include "lab/runner.h"

namespace plumb::test {

int run_sweep_process(int argc, char** argv) {
    if (argc != 6) return 2;
    const lab::Store store(argv[2]);
    const int count = std::atoi(argv[4]);
    const lab::Families families = probe_families();
    const lab::Study study = std::string(argv[3]) == "steps" ? steps_study("sweep", count) : probe_study("sweep", count);
    lab::RunOptions options;
    options.isolate = std::string(argv[5]) == "1";
    options.child_command = {"/proc/self/exe", "__points"};
    lab::install_stop_signals();
    return lab::Runner(store, families, options).run(study, lab::make_plan(study, families)).exit_code();
}

pid_t start_sweep(const std::filesystem::path& root, const std::string& kind, int count, bool isolate) {
    const std::string number = std::to_string(count);
    const pid_t process = ::fork();
    if (process == 0) {
        ::execl("/proc/self/exe", "test_lab", sweep_word, root.c_str(), kind.c_str(), number.c_str(), isolate ? "1" : "0", nullptr);
        ::_exit(127);
    }
    return process;
}

int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace plumb::test
