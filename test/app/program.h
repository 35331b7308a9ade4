// SPDX-License-Identifier: Apache-2.0
// Runs the built program as a user would, in a folder of its own.
#pragma once
#include <filesystem>
#include <string>

#include "temporary_folder.h"

namespace plumb::test {

struct Outcome {
    int exit_code = 0;
    std::string out;
    std::string err;
};

class Workplace {
  public:
    const std::filesystem::path& path() const { return folder_.path(); }
    /// A shell line in this folder with `plumb` on the PATH, results in ./runs, no terminal.
    Outcome shell(const std::string& line) const;
    std::string read(const std::string& file) const;

  private:
    TemporaryFolder folder_;
};

}  // namespace plumb::test
