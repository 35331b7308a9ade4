// SPDX-License-Identifier: Apache-2.0
#include "lab/index.h"

#include <sqlite3.h>

namespace plumb::lab {

namespace {

/// A prepared statement; `ok` stays false when it could not be made.
class Statement {
  public:
    Statement(sqlite3* database, const char* sql) { ok_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) == SQLITE_OK; }
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    bool ok() const { return ok_; }
    void bind(int place, const std::string& text) {
        sqlite3_bind_text(statement_, place, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
    void bind(int place, std::int64_t number) { sqlite3_bind_int64(statement_, place, number); }
    bool next() { return sqlite3_step(statement_) == SQLITE_ROW; }
    void run_once() {
        sqlite3_step(statement_);
        sqlite3_reset(statement_);
    }
    std::string text(int column) const {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
    }
    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }

  private:
    sqlite3_stmt* statement_ = nullptr;
    bool ok_ = false;
};

bool execute(sqlite3* database, const char* sql) {
    return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

// A change of the table's meaning gets a new name, so that an older index is simply not found.
constexpr const char* create_table =
    "CREATE TABLE IF NOT EXISTS runs_1 (study TEXT NOT NULL, run TEXT NOT NULL, stamp INTEGER NOT NULL, record TEXT NOT NULL, "
    "problem TEXT NOT NULL, PRIMARY KEY (study, run)) WITHOUT ROWID";

}  // namespace

std::unique_ptr<Index> Index::open(const std::filesystem::path& file) {
    sqlite3* database = nullptr;
    if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK) {
        sqlite3_close(database);
        return nullptr;
    }
    sqlite3_busy_timeout(database, 5000);
    // A cache needs no durability: what a crash loses is read from the folders again.
    if (!execute(database, "PRAGMA synchronous=OFF") || !execute(database, create_table)) {
        sqlite3_close(database);
        return nullptr;
    }
    return std::unique_ptr<Index>(new Index(database));
}

Index::~Index() {
    sqlite3_close(database_);
}

std::vector<IndexEntry> Index::entries(const std::string& study) const {
    std::vector<IndexEntry> entries;
    Statement query(database_, "SELECT run, stamp, record, problem FROM runs_1 WHERE study = ? ORDER BY run");
    if (!query.ok()) return entries;
    query.bind(1, study);
    while (query.next()) {
        IndexEntry entry{query.text(0), query.integer(1), std::nullopt, query.text(3)};
        if (entry.problem.empty()) {
            // An unreadable row counts as unknown: leaving it out makes the caller read the folder.
            try {
                entry.record = record_from_json(nlohmann::json::parse(query.text(2)));
            } catch (const std::exception&) {
                continue;
            }
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

void Index::put(const std::string& study, const std::vector<IndexEntry>& entries) {
    if (entries.empty()) return;
    execute(database_, "BEGIN IMMEDIATE");
    {
        Statement insert(database_, "INSERT OR REPLACE INTO runs_1 VALUES (?, ?, ?, ?, ?)");
        for (const IndexEntry& entry : entries) {
            if (!insert.ok()) break;
            insert.bind(1, study);
            insert.bind(2, entry.run);
            insert.bind(3, entry.stamp);
            insert.bind(4, entry.record ? to_json(*entry.record).dump() : std::string());
            insert.bind(5, entry.problem);
            insert.run_once();
        }
    }
    execute(database_, "COMMIT");
}

void Index::remove(const std::string& study, const std::vector<std::string>& runs) {
    Statement erase(database_, "DELETE FROM runs_1 WHERE study = ? AND run = ?");
    if (!erase.ok()) return;
    for (const std::string& run : runs) {
        erase.bind(1, study);
        erase.bind(2, run);
        erase.run_once();
    }
}

}  // namespace plumb::lab
