// SPDX-License-Identifier: Apache-2.0
// An Nsight Systems export as tables with named columns, whatever its container: what nsys_export.cpp reads from.
// To add a container: a class here, its magic bytes in container_of() (nsys_export.cpp).
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plumb::families::compression {

/// Nothing (NULL), a whole number, a real number, or bytes; the bytes live until the next row. Unsigned 64-bit numbers keep their bits.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string_view>;

struct Column {
    std::string name;
    /// false: the container has no NULL here, and writes 0 or "" for what is not known.
    bool nullable = false;
};

class Tables {
  public:
    virtual ~Tables() = default;
    virtual std::vector<std::string> names() const = 0;
    /// Empty where there is no such table.
    virtual std::vector<Column> columns(const std::string& table) const = 0;
    /// Calls `row` for every row of `table` in the file's order, with a cell for each of `columns`, which all exist. Throws failed where
    /// the file is damaged.
    virtual void read(const std::string& table, std::span<const std::string> columns,
                      const std::function<void(std::span<const Cell>)>& row) const = 0;
};

/// Opens read-only and immutable: nothing is written beside the file. Throws failed for a file that is cut off or was never finished.
std::unique_ptr<Tables> open_sqlite_tables(const std::filesystem::path& path);
/// Root-level data sets of compound rows. Follows no link out of the file and loads no filter from outside. The HDF5 library can crash on
/// damaged files and keeps state for the whole process: use it through isolated() (isolated_tables.h).
std::unique_ptr<Tables> open_hdf5_tables(const std::filesystem::path& path);

}  // namespace plumb::families::compression
