// SPDX-License-Identifier: Apache-2.0
#include "app/program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "base/file.h"

namespace plumb::test {

namespace fs = std::filesystem;

Outcome Workplace::shell(const std::string& line) const {
    const fs::path program(PLUMB_PROGRAM);
    std::ofstream(path() / ".line.sh") << "unset PLUMB_RUNS PLUMB_ISA NO_COLOR FORCE_COLOR\nPATH=" << program.parent_path().string()
                                       << ":$PATH\n"
                                       << line << "\n";
    const std::string command = "cd " + path().string() + " && sh .line.sh > .out 2> .err < /dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read(".out"), read(".err")};
}

std::string Workplace::read(const std::string& file) const {
    return base::read_file(path() / file);
}

}  // namespace plumb::test
