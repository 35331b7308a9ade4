// SPDX-License-Identifier: Apache-2.0
// Runs the built program as a user would, in a folder of its own.
#pragma once
#include <filesystem>
#include <string>

namespace plumb::test {

struct Outcome {
    int exit_code = 0;
    std::string out;
    std::string err;
};

class Workplace {
  public:
    Workplace();
    ~Workplace();
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// A shell line in this folder with `plumb` on the PATH, results in ./runs, no terminal.
    Outcome shell(const std::string& line) const;
    std::string read(const std::string& file) const;

  private:
    std::filesystem::path path_;
};

}  // namespace plumb::test
