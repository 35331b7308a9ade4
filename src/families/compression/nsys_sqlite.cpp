// SPDX-License-Identifier: Apache-2.0
// SQLite exports as tables. The file is somebody else's: nothing in it is run, written or trusted.
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "families/compression/nsys_tables.h"
#include "families/compression/printable.h"

namespace plumb::families::compression {

namespace {

[[noreturn]] void throw_damaged(const std::filesystem::path& path, const std::string& what) {
    throw base::Error(base::ErrorKind::failed, path.string() + ": " + printable(what),
                      "export the report again: nsys export --type sqlite REPORT");
}

/// Everything but plain letters, digits and a few marks as %XX: in a file: address ? and # would end the path.
std::string uri_of(const std::filesystem::path& path) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string uri = "file:";
    for (const char letter : std::filesystem::absolute(path).string()) {
        if (plain.find(letter) != std::string_view::npos) {
            uri += letter;
        } else {
            const auto byte = static_cast<unsigned char>(letter);
            uri += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return uri + "?immutable=1";
}

std::string quoted(const std::string& name) {
    std::string result = "\"";
    for (const char letter : name) result += letter == '"' ? std::string("\"\"") : std::string(1, letter);
    return result + '"';
}

std::uint32_t big_endian(const std::array<unsigned char, 100>& header, std::size_t at, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | header[at + i];
    return value;
}

/// SQLite reads a shortened file without complaint as long as no missing page is asked for, so its size is compared with the header first
/// (file format, section 1.3: page size at 16, page count at 28, valid when 24 and 92 agree).
void require_whole(const std::filesystem::path& path) {
    std::array<unsigned char, 100> header{};
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(header.data()), header.size())) throw_damaged(path, "cut off inside the SQLite header");
    const std::uint64_t page = big_endian(header, 16, 2) == 1 ? 65536 : big_endian(header, 16, 2);
    const std::uint64_t pages = big_endian(header, 28, 4);
    const std::uint64_t size = std::filesystem::file_size(path);
    if (big_endian(header, 24, 4) == big_endian(header, 92, 4) && page * pages > size) {
        throw_damaged(path, "cut off: " + std::to_string(size) + " of " + std::to_string(page * pages) + " bytes are there");
    }
    // Opened as immutable, what such a file holds would be ignored in silence.
    for (const char* suffix : {"-journal", "-wal"}) {
        std::error_code ignored;
        std::filesystem::path beside = path;
        beside += suffix;
        if (std::filesystem::file_size(beside, ignored) > 0 && !ignored) {
            throw_damaged(path, "never finished: " + beside.filename().string() + " still holds a part of it");
        }
    }
}

struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Cell cell(sqlite3_stmt* row, int column) {
    switch (sqlite3_column_type(row, column)) {
        case SQLITE_INTEGER:
            return sqlite3_column_int64(row, column);
        case SQLITE_FLOAT:
            return sqlite3_column_double(row, column);
        case SQLITE_NULL:
            return std::monostate{};
        default: {
            const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
            const int size = sqlite3_column_bytes(row, column);
            return bytes ? std::string_view(bytes, static_cast<std::size_t>(size)) : std::string_view();
        }
    }
}

class SqliteTables : public Tables {
  public:
    explicit SqliteTables(const std::filesystem::path& path) : path_(path), most_rows_(std::filesystem::file_size(path)) {
        sqlite3* database = nullptr;
        const int result = sqlite3_open_v2(uri_of(path).c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
        database_.reset(database);
        if (result != SQLITE_OK) throw_damaged(path_, database ? sqlite3_errmsg(database) : "cannot be opened");
        sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
        sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
        sqlite3_exec(database, "PRAGMA cell_size_check=ON", nullptr, nullptr, nullptr);
        for_each("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'", 1,
                 [&](std::span<const Cell> cells) {
                     if (const auto* name = std::get_if<std::string_view>(&cells[0])) names_.emplace_back(*name);
                 });
    }

    std::vector<std::string> names() const override { return names_; }

    std::vector<Column> columns(const std::string& table) const override {
        std::vector<Column> columns;
        if (std::find(names_.begin(), names_.end(), table) == names_.end()) return columns;
        for_each("PRAGMA table_info(" + quoted(table) + ")", 4, [&](std::span<const Cell> cells) {
            const auto* name = std::get_if<std::string_view>(&cells[1]);
            const auto* not_null = std::get_if<std::int64_t>(&cells[3]);
            if (name) columns.push_back({std::string(*name), !not_null || *not_null == 0});
        });
        return columns;
    }

    void read(const std::string& table, std::span<const std::string> columns,
              const std::function<void(std::span<const Cell>)>& row) const override {
        std::string query = "SELECT ";
        for (std::size_t i = 0; i < columns.size(); ++i) query += (i > 0 ? ", " : "") + quoted(columns[i]);
        for_each(query + " FROM " + quoted(table), columns.size(), row);
    }

  private:
    void for_each(const std::string& query, std::size_t columns, const std::function<void(std::span<const Cell>)>& row) const {
        sqlite3_stmt* raw = nullptr;
        const int prepared = sqlite3_prepare_v2(database_.get(), query.c_str(), -1, &raw, nullptr);
        const Statement statement(raw);
        if (prepared != SQLITE_OK) throw_damaged(path_, sqlite3_errmsg(database_.get()));
        std::vector<Cell> cells(columns);
        // Pages of a damaged file may point at each other in circles; no row is shorter than a byte.
        for (std::uint64_t rows = 0; rows <= most_rows_; ++rows) {
            const int result = sqlite3_step(raw);
            if (result == SQLITE_DONE) return;
            if (result != SQLITE_ROW) throw_damaged(path_, sqlite3_errmsg(database_.get()));
            for (std::size_t i = 0; i < columns; ++i) cells[i] = cell(raw, static_cast<int>(i));
            row(cells);
        }
        throw_damaged(path_, "more rows than its size can hold");
    }

    std::filesystem::path path_;
    std::uint64_t most_rows_;
    Database database_;
    std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Tables> open_sqlite_tables(const std::filesystem::path& path) {
    require_whole(path);
    return std::make_unique<SqliteTables>(path);
}

}  // namespace plumb::families::compression
