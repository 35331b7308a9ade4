// SPDX-License-Identifier: Apache-2.0
// A folder that is empty at first and goes with the test.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace plumb::test {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        // Sealing waits for the disk; memory does not keep it waiting.
        const std::filesystem::path memory = "/dev/shm";
        const std::filesystem::path parent = ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
        std::string pattern = (parent / "plumb-test-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder in " + parent.string());
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace plumb::test
