// SPDX-License-Identifier: Apache-2.0
// Fixtures as files, through the C interfaces of SQLite and HDF5.
#include <hdf5.h>
#include <sqlite3.h>

#include <stdexcept>

#include "families/nsys_fixture.h"

namespace plumb::families::compression::test {

namespace {

void require(bool fine, const std::string& what) {
    if (!fine) throw std::runtime_error("the fixture cannot be written: " + what);
}

void bind(sqlite3_stmt* insert, int place, const FixtureCell& cell) {
    if (cell.kind == Kind::integer) sqlite3_bind_int64(insert, place, cell.integer);
    if (cell.kind == Kind::real) sqlite3_bind_double(insert, place, cell.real);
    if (cell.kind == Kind::text) sqlite3_bind_text(insert, place, cell.text.data(), static_cast<int>(cell.text.size()), SQLITE_TRANSIENT);
    if (cell.kind == Kind::null) sqlite3_bind_null(insert, place);
}

constexpr std::size_t fixed_text_size = 96;

std::size_t size_of(const FixtureColumn& column, Strings strings) {
    if (column.kind != Kind::text) return 8;
    return strings == Strings::variable ? sizeof(char*) : fixed_text_size;
}

hid_t make_row_type(const FixtureTable& table, Strings strings) {
    const hid_t text_type = H5Tcopy(H5T_C_S1);
    H5Tset_size(text_type, strings == Strings::variable ? H5T_VARIABLE : fixed_text_size);
    std::size_t row_size = 0;
    for (const FixtureColumn& column : table.columns) row_size += size_of(column, strings);
    const hid_t row_type = H5Tcreate(H5T_COMPOUND, row_size);
    std::size_t offset = 0;
    for (const FixtureColumn& column : table.columns) {
        const hid_t type = column.kind == Kind::text               ? text_type
                           : column.kind == Kind::real             ? H5T_NATIVE_DOUBLE
                           : column.kind == Kind::unsigned_integer ? H5T_NATIVE_UINT64
                                                                   : H5T_NATIVE_INT64;
        require(H5Tinsert(row_type, column.name.c_str(), offset, type) >= 0, column.name);
        offset += size_of(column, strings);
    }
    H5Tclose(text_type);
    return row_type;
}

/// The rows as HDF5 wants them in memory; strings of varying length point into `table`.
std::vector<char> pack_rows(const FixtureTable& table, Strings strings) {
    std::vector<char> packed;
    const auto append = [&](const void* bytes, std::size_t size) {
        packed.insert(packed.end(), static_cast<const char*>(bytes), static_cast<const char*>(bytes) + size);
    };
    for (const auto& row : table.rows) {
        for (std::size_t j = 0; j < table.columns.size(); ++j) {
            const FixtureCell& cell = row[j];
            if (table.columns[j].kind == Kind::text && strings == Strings::variable) {
                const char* text = cell.text.c_str();
                append(&text, sizeof text);
            } else if (table.columns[j].kind == Kind::text) {
                require(cell.text.size() < fixed_text_size, cell.text);
                append((cell.text + std::string(fixed_text_size - cell.text.size(), '\0')).data(), fixed_text_size);
            } else if (table.columns[j].kind == Kind::real) {
                append(&cell.real, sizeof cell.real);
            } else {
                append(&cell.integer, sizeof cell.integer);
            }
        }
    }
    return packed;
}

}  // namespace

void write_sqlite(const std::filesystem::path& path, const Fixture& fixture) {
    std::filesystem::remove(path);
    sqlite3* database = nullptr;
    require(sqlite3_open(path.c_str(), &database) == SQLITE_OK, path.string());
    const auto run = [&](const std::string& statement) {
        require(sqlite3_exec(database, statement.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, statement);
    };
    run("PRAGMA journal_mode=OFF");
    run("BEGIN");
    for (const FixtureTable& table : fixture) {
        std::string columns;
        std::string marks;
        for (const FixtureColumn& column : table.columns) {
            const char* type = column.kind == Kind::text ? " TEXT" : column.kind == Kind::real ? " REAL" : " INTEGER";
            columns += (columns.empty() ? "" : ", ") + column.name + type + (column.not_null ? " NOT NULL" : "");
            // `end` is a word of SQL.
            if (column.name == "end") columns.replace(columns.rfind("end "), 3, "\"end\"");
            marks += marks.empty() ? "?" : ", ?";
        }
        run("CREATE TABLE " + table.name + " (" + columns + ")");
        sqlite3_stmt* insert = nullptr;
        const std::string statement = "INSERT INTO " + table.name + " VALUES (" + marks + ")";
        require(sqlite3_prepare_v2(database, statement.c_str(), -1, &insert, nullptr) == SQLITE_OK, statement);
        for (const auto& row : table.rows) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                bind(insert, static_cast<int>(i) + 1, row[i]);
            }
            require(sqlite3_step(insert) == SQLITE_DONE, table.name);
            sqlite3_reset(insert);
        }
        sqlite3_finalize(insert);
    }
    run("COMMIT");
    sqlite3_close(database);
}

void write_hdf5(const std::filesystem::path& path, const Fixture& fixture, Strings strings) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    require(file >= 0, path.string());
    for (const FixtureTable& table : fixture) {
        const hid_t row_type = make_row_type(table, strings);
        const std::vector<char> rows = pack_rows(table, strings);
        const hsize_t count = table.rows.size();
        const hsize_t chunk = 16;
        const hsize_t unlimited = H5S_UNLIMITED;
        const hid_t space = H5Screate_simple(1, &count, &unlimited);
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(creation, 1, &chunk);
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 1);
        const hid_t set = H5Dcreate2(file, table.name.c_str(), row_type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        require(set >= 0, table.name);
        if (count > 0) require(H5Dwrite(set, row_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) >= 0, table.name);
        H5Dclose(set);
        H5Pclose(creation);
        H5Sclose(space);
        H5Tclose(row_type);
    }
    require(H5Fclose(file) >= 0, path.string());
}

}  // namespace plumb::families::compression::test
