// SPDX-License-Identifier: Apache-2.0
// SQLite cache over the run folders: which are sealed and sound, and what their records say. It can be deleted at any time; the folders are
// the truth.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/record.h"

struct sqlite3;

namespace plumb::lab {

/// What the index knows of one run folder.
struct IndexEntry {
    std::string run;
    std::int64_t stamp = 0;  ///< modification time of run.json in ns: a changed folder is read again
    std::optional<Record> record;
    std::string problem;  ///< why the run does not count, when record is empty
};

class Index {
  public:
    /// nullptr when the file cannot be opened or used (read-only store, damaged index): callers then read the folders.
    static std::unique_ptr<Index> open(const std::filesystem::path& file);
    ~Index();
    Index(const Index&) = delete;
    Index& operator=(const Index&) = delete;

    std::vector<IndexEntry> entries(const std::string& study) const;
    void put(const std::string& study, const std::vector<IndexEntry>& entries);
    void remove(const std::string& study, const std::vector<std::string>& runs);

  private:
    explicit Index(sqlite3* database) : database_(database) {}
    sqlite3* database_;
};

}  // namespace plumb::lab
