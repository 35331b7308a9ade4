// SPDX-License-Identifier: Apache-2.0
// Rows of an export's table by the columns that a reader wants, with cells checked for what they should hold. A column that is needed and
// not there, or a cell of another kind, is an error that names file, table and column.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "families/compression/nsys_tables.h"

namespace plumb::families::compression {

enum class Need { required, optional };

struct Field {
    const char* column;
    Need need = Need::required;
};

/// Larger times are damage: 2^62 ns are 146 years, and below it no difference of two times overflows.
inline constexpr std::int64_t latest_time = std::int64_t{1} << 62;

/// One row, its cells in the order of the fields that were asked for. Valid until the next row. All functions throw failed for a cell of
/// another kind.
class Row {
  public:
    Row(const std::string& file, const std::string& table, std::span<const Field> fields, std::span<const Cell> cells)
        : file_(file), table_(table), fields_(fields), cells_(cells) {}

    bool empty(std::size_t field) const { return std::holds_alternative<std::monostate>(cells_[field]); }
    /// 0, or `otherwise`, where the cell is empty; a real number without a fraction is one too.
    std::int64_t integer(std::size_t field, std::int64_t otherwise = 0) const;
    std::uint64_t identifier(std::size_t field) const { return static_cast<std::uint64_t>(integer(field)); }
    /// Within -latest_time..latest_time.
    std::int64_t time(std::size_t field) const;
    double number(std::size_t field) const;
    std::string text(std::size_t field) const;  ///< printable()

  private:
    [[noreturn]] void throw_wrong(std::size_t field, const std::string& expected) const;

    const std::string& file_;
    const std::string& table_;
    std::span<const Field> fields_;
    std::span<const Cell> cells_;
};

class TableRows {
  public:
    TableRows(const std::string& file, const Tables& tables) : file_(file), tables_(tables) {}

    bool has_column(const std::string& table, std::string_view column) const;
    /// Calls `use` with each row of `table`; an optional column that is not there gives empty cells. Nothing happens where there is no
    /// such table.
    void each(const std::string& table, const std::vector<Field>& fields, const std::function<void(const Row&)>& use) const;

  private:
    std::string file_;
    const Tables& tables_;
};

}  // namespace plumb::families::compression
