// SPDX-License-Identifier: Apache-2.0
#include "families/compression/nsys_rows.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "families/compression/printable.h"

namespace plumb::families::compression {

std::int64_t Row::integer(std::size_t field, std::int64_t otherwise) const {
    if (empty(field)) return otherwise;
    if (const auto* number = std::get_if<std::int64_t>(&cells_[field])) return *number;
    const double* real = std::get_if<double>(&cells_[field]);
    if (!real || *real != std::floor(*real) || std::abs(*real) >= 0x1p63) throw_wrong(field, "a whole number");
    return static_cast<std::int64_t>(*real);
}

std::int64_t Row::time(std::size_t field) const {
    const std::int64_t time = integer(field);
    if (time >= latest_time || time <= -latest_time) throw_wrong(field, "a time in nanoseconds");
    return time;
}

double Row::number(std::size_t field) const {
    if (const double* real = std::get_if<double>(&cells_[field])) return *real;
    return static_cast<double>(integer(field));
}

std::string Row::text(std::size_t field) const {
    if (empty(field)) return {};
    const auto* bytes = std::get_if<std::string_view>(&cells_[field]);
    if (!bytes) throw_wrong(field, "text");
    return printable(*bytes);
}

void Row::throw_wrong(std::size_t field, const std::string& expected) const {
    std::string found = "nothing";
    if (const auto* number = std::get_if<std::int64_t>(&cells_[field])) found = std::to_string(*number);
    if (const auto* real = std::get_if<double>(&cells_[field])) found = std::to_string(*real);
    if (const auto* bytes = std::get_if<std::string_view>(&cells_[field])) found = "the text '" + printable(bytes->substr(0, 40)) + "'";
    throw base::Error(base::ErrorKind::failed,
                      file_ + ": " + table_ + "." + fields_[field].column + " holds " + found + " where " + expected + " was expected",
                      "export the report again");
}

bool TableRows::has_column(const std::string& table, std::string_view column) const {
    const std::vector<Column> columns = tables_.columns(table);
    return std::any_of(columns.begin(), columns.end(), [&](const Column& known) { return known.name == column; });
}

void TableRows::each(const std::string& table, const std::vector<Field>& fields, const std::function<void(const Row&)>& use) const {
    std::vector<std::string> known;
    for (const Column& column : tables_.columns(table)) known.push_back(column.name);
    if (known.empty()) return;
    std::vector<std::string> present;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (std::find(known.begin(), known.end(), fields[i].column) != known.end()) {
            present.emplace_back(fields[i].column);
            places.push_back(i);
        } else if (fields[i].need == Need::required) {
            throw base::Error(base::ErrorKind::failed, file_ + ": table " + table + " has no column " + fields[i].column,
                              "its columns are " + printable(base::join(known, ", ")));
        }
    }
    if (present.empty()) return;
    std::vector<Cell> cells(fields.size());
    tables_.read(table, present, [&](std::span<const Cell> found) {
        for (std::size_t i = 0; i < places.size(); ++i) cells[places[i]] = found[i];
        use(Row(file_, table, fields, cells));
    });
}

}  // namespace plumb::families::compression
