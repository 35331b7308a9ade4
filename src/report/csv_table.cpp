// SPDX-License-Identifier: Apache-2.0
#include "report/csv_table.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"

namespace plumb::report {
namespace {

std::optional<double> number_in(const std::string& cell) {
    double value = 0;
    const auto [end, problem] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (problem != std::errc() || end != cell.data() + cell.size()) {
        return std::nullopt;
    }
    return value;
}

bool holds_numbers(const std::vector<std::vector<std::string>>& rows, std::size_t column) {
    bool any = false;
    for (std::size_t row = 1; row < rows.size(); ++row) {
        if (column >= rows[row].size() || rows[row][column].empty()) {
            continue;
        }
        if (!number_in(rows[row][column])) {
            return false;
        }
        any = true;
    }
    return any;
}

}  // namespace

std::vector<std::vector<std::string>> read_csv(std::string_view text) {
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> row;
    std::string cell;
    bool quoted = false;
    bool started = false;
    const auto end_row = [&] {
        row.push_back(std::move(cell));
        cell.clear();
        rows.push_back(std::move(row));
        row.clear();
        started = false;
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char letter = text[at];
        if (quoted) {
            if (letter != '"') {
                cell += letter;
            } else if (at + 1 < text.size() && text[at + 1] == '"') {
                cell += '"';
                ++at;
            } else {
                quoted = false;
            }
        } else if (letter == '"' && cell.empty()) {
            quoted = started = true;
        } else if (letter == ',') {
            row.push_back(std::move(cell));
            cell.clear();
            started = true;
        } else if (letter == '\n') {
            if (started || !cell.empty()) {
                end_row();
            }
        } else if (letter != '\r') {
            cell += letter;
        }
    }
    if (quoted) {
        throw base::Error(base::ErrorKind::usage, "a CSV text ends inside a quoted cell", "the file is cut short: run the point anew");
    }
    if (started || !cell.empty()) {
        end_row();
    }
    return rows;
}

Table csv_table(std::string title, std::string_view text) {
    Table table{std::move(title), {}, {}};
    const std::vector<std::vector<std::string>> rows = read_csv(text);
    if (rows.empty()) {
        return table;
    }
    for (std::size_t column = 0; column < rows.front().size(); ++column) {
        const bool numbers = holds_numbers(rows, column);
        table.columns.push_back({rows.front()[column], rows.front()[column], numbers ? Content::number : Content::text});
    }
    for (std::size_t row = 1; row < rows.size(); ++row) {
        std::vector<Cell> cells;
        for (std::size_t column = 0; column < table.columns.size(); ++column) {
            const std::string cell = column < rows[row].size() ? rows[row][column] : std::string();
            const bool number = table.columns[column].content == Content::number;
            cells.push_back(cell.empty() ? empty_cell() : number ? number_cell(*number_in(cell), cell) : text_cell(cell));
        }
        table.rows.push_back(std::move(cells));
    }
    return table;
}

}  // namespace plumb::report
