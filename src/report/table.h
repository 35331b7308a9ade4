// SPDX-License-Identifier: Apache-2.0
// A table as data, and its four forms: console, Markdown, CSV (RFC 4180), JSON lines. The page has a fifth of its own (html.h).
// People read the texts; CSV and JSON lines carry the raw values at full precision, with units in the column names.
// To add a form: one function here; it must handle empty cells, tones without colour, and hostile text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace plumb::report {

enum class Align { left, right };

enum class Content {
    text,
    number,   ///< never cut
    status,   ///< one word from a fixed list; the word tells, colour only helps
    prose,    ///< reasons and notes: may be wrapped
    command,  ///< to be copied: stands on one line, under its row where it must
    code      ///< identifiers: never cut
};

/// Who sees a column: an interval is one column for people and two for programs.
enum class Audience { everyone, people, programs };

enum class Tone { plain, good, doubtful, bad, faint, best };

struct Column {
    std::string name;   ///< for programs, with the unit: "time_s"
    std::string title;  ///< for people: "time"
    Content content = Content::text;
    Audience audience = Audience::everyone;
    std::string brief_title = {};  ///< "±" of a "95 % interval": the column may be shown in its brief form; empty: it has none
    Align align() const { return content == Content::number ? Align::right : Align::left; }
};

struct Cell {
    std::string text;
    nlohmann::json raw;  ///< null: empty
    Tone tone = Tone::plain;
    std::string brief = {};  ///< for a narrow terminal, in columns that have a brief title
};

Cell text_cell(std::string text);
Cell number_cell(double value, std::string text);
/// "done", "passed", "failed", "faster" ...: the tone follows from the word.
Cell status_cell(std::string word);
/// An en dash for people, nothing for programs.
Cell empty_cell();
Tone tone_of(std::string_view status);

struct Table {
    std::string title;
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;  ///< each as long as columns
};

struct ConsoleStyle {
    int width = 100;  ///< columns of the terminal; 0: never wrap
    bool colour = false;
};

/// Aligned by display width. On a narrow terminal columns take their brief forms; prose wraps in its column, or moves below its row when
/// the terminal is too narrow; other text is cut only when it must be, numbers and codes never: the line is then longer than the terminal.
/// Control characters are shown, not sent.
std::string to_console(const Table& table, const ConsoleStyle& style);
std::string to_markdown(const Table& table);
std::string to_csv(const Table& table);
std::string to_json_lines(const Table& table);

/// Columns that a terminal uses for UTF-8 text: combining marks none, East Asian wide characters two.
int display_width(std::string_view text);

}  // namespace plumb::report
