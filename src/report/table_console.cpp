// SPDX-License-Identifier: Apache-2.0
// The console form of a table: display widths, the fitting of columns to the terminal, and wrapping.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "report/table.h"

namespace plumb::report {
namespace {

constexpr int column_gap = 2;
constexpr int narrowest_text = 8;    // a cut word shorter than this tells nothing
constexpr int narrowest_prose = 24;  // below this, prose reads better under its row
constexpr int indent_below = 4;

struct Letter {
    std::string_view bytes;
    char32_t code;
};

/// The next UTF-8 letter of `text` at `at`; a byte that is not UTF-8 is a letter of its own with code 0xFFFD.
Letter letter_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    const std::size_t length = first < 0x80 ? 1 : (first >> 5) == 6 ? 2 : (first >> 4) == 14 ? 3 : (first >> 3) == 30 ? 4 : 0;
    if (length == 0 || at + length > text.size()) {
        return {text.substr(at, 1), 0xFFFD};
    }
    char32_t code = length == 1 ? first : first & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) >> 6) != 2) {
            return {text.substr(at, 1), 0xFFFD};
        }
        code = (code << 6) | (byte(at + i) & 0x3Fu);
    }
    return {text.substr(at, length), code};
}

bool between(char32_t code, char32_t low, char32_t high) {
    return code >= low && code <= high;
}

int width_of(char32_t code) {
    if (between(code, 0x300, 0x36F) || between(code, 0x200B, 0x200F) || between(code, 0xFE00, 0xFE0F)) {
        return 0;
    }
    const bool wide = between(code, 0x1100, 0x115F) || between(code, 0x2E80, 0xA4CF) || between(code, 0xAC00, 0xD7A3) ||
                      between(code, 0xF900, 0xFAFF) || between(code, 0xFE30, 0xFE6F) || between(code, 0xFF00, 0xFF60) ||
                      between(code, 0xFFE0, 0xFFE6) || between(code, 0x1F300, 0x1FAFF) || between(code, 0x20000, 0x3FFFD);
    return wide ? 2 : 1;
}

/// Text from a store must not steer the terminal: control characters become visible.
std::string visible(std::string_view text) {
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
        const Letter letter = letter_at(text, at);
        at += letter.bytes.size();
        if (letter.code == '\n' || letter.code == '\t') {
            shown += ' ';
        } else if (letter.code < 0x20 || between(letter.code, 0x7F, 0x9F)) {
            shown += fmt::format("\\x{:02x}", static_cast<unsigned>(letter.code));
        } else if (letter.code == 0xFFFD) {
            shown += "\uFFFD";
        } else if (!between(letter.code, 0x202A, 0x202E) && !between(letter.code, 0x2066, 0x2069)) {  // no turning of the reading direction
            shown += letter.bytes;
        }
    }
    return shown;
}

/// The longest beginning of `text` that is at most `width` columns wide.
std::string_view beginning(std::string_view text, int width) {
    int used = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        const Letter letter = letter_at(text, at);
        used += width_of(letter.code);
        if (used > width) {
            break;
        }
        at += letter.bytes.size();
    }
    return text.substr(0, at);
}

std::string cut(const std::string& text, int width) {
    return display_width(text) <= width ? text : std::string(beginning(text, width - 1)) + "…";
}

std::vector<std::string> wrap(const std::string& text, int width) {
    std::vector<std::string> lines(1);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t space = std::min(text.find(' ', at), text.size());
        std::string word = text.substr(at, space - at);
        at = space + 1;
        const int used = display_width(lines.back());
        if (used > 0 && used + 1 + display_width(word) <= width) {
            lines.back() += ' ' + word;
            continue;
        }
        if (used > 0) {
            lines.emplace_back();
        }
        while (display_width(word) > width) {
            const std::string piece(beginning(word, width));
            lines.back() = piece;
            lines.emplace_back();
            word.erase(0, piece.size());
        }
        lines.back() = word;
    }
    return lines;
}

std::string_view colour_code(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "\x1b[32m";
        case Tone::doubtful:
            return "\x1b[33m";
        case Tone::bad:
            return "\x1b[31m";
        case Tone::faint:
            return "\x1b[2m";
        case Tone::best:
            return "\x1b[1m";
        case Tone::plain:
            break;
    }
    return {};
}

std::string coloured(const std::string& text, Tone tone, bool colour) {
    const std::string_view code = colour && !text.empty() ? colour_code(tone) : std::string_view();
    return code.empty() ? text : fmt::format("{}{}\x1b[0m", code, text);
}

std::string padded(const std::string& text, int width, Align align, Tone tone, bool colour) {
    const std::string space(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
    const std::string shown = coloured(text, tone, colour);
    return align == Align::right ? space + shown : shown + space;
}

/// One shown column: where it comes from, how wide it is, and whether its texts stand under the row instead.
struct Slot {
    std::size_t column;
    int width;
    bool below = false;
    bool brief = false;
};

int total_width(const std::vector<Slot>& slots) {
    int total = 0;
    for (const Slot& slot : slots) {
        total += slot.below ? 0 : slot.width + column_gap;
    }
    return std::max(0, total - column_gap);
}

const std::string& text_of(const Slot& slot, const std::vector<Cell>& row) {
    const Cell& cell = row[slot.column];
    return slot.brief && !cell.brief.empty() ? cell.brief : cell.text;
}

const std::string& title_of(const Slot& slot, const Table& table) {
    const Column& column = table.columns[slot.column];
    return slot.brief ? column.brief_title : column.title;
}

int needed_width(const Slot& slot, const Table& table) {
    int width = display_width(title_of(slot, table));
    for (const auto& row : table.rows) {
        width = std::max(width, display_width(visible(text_of(slot, row))));
    }
    return width;
}

bool may_stand_below(const Column& column) {
    return column.content == Content::prose || column.content == Content::command;
}

/// Prose gives way first, then moves below its row, then columns take their brief forms, then plain text is cut: numbers, codes and status
/// words keep their width.
void fit(std::vector<Slot>& slots, const Table& table, int terminal) {
    if (terminal <= 0) {
        return;
    }
    for (Slot& slot : slots) {
        const int excess = total_width(slots) - terminal;
        if (excess > 0 && may_stand_below(table.columns[slot.column])) {
            if (table.columns[slot.column].content == Content::prose && slot.width - excess >= std::min(slot.width, narrowest_prose)) {
                slot.width -= excess;
            } else {
                slot.below = true;
            }
        }
    }
    for (auto slot = slots.rbegin(); slot != slots.rend() && total_width(slots) > terminal; ++slot) {
        if (!table.columns[slot->column].brief_title.empty()) {
            slot->brief = true;
            slot->width = needed_width(*slot, table);
        }
    }
    while (total_width(slots) > terminal) {
        Slot* widest = nullptr;
        for (Slot& slot : slots) {
            const bool may_shrink = table.columns[slot.column].content == Content::text && slot.width > narrowest_text;
            if (may_shrink && (widest == nullptr || slot.width > widest->width)) {
                widest = &slot;
            }
        }
        if (widest == nullptr) {
            return;
        }
        --widest->width;
    }
}

std::string trimmed_line(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line + '\n';
}

std::string row_text(const std::vector<Slot>& slots, const Table& table, const std::vector<Cell>& row, const ConsoleStyle& style) {
    std::vector<std::vector<std::string>> lines;
    std::size_t height = 1;
    for (const Slot& slot : slots) {
        const std::string text = visible(text_of(slot, row));
        const Content content = table.columns[slot.column].content;
        if (slot.below) {
            lines.emplace_back();
        } else if (content == Content::prose) {
            lines.push_back(wrap(text, slot.width));
        } else {
            lines.push_back({content == Content::text ? cut(text, slot.width) : text});
        }
        height = std::max(height, lines.back().size());
    }
    std::string text;
    for (std::size_t line = 0; line < height; ++line) {
        std::string out;
        for (std::size_t i = 0; i < slots.size(); ++i) {
            if (!slots[i].below) {
                const std::string part = line < lines[i].size() ? lines[i][line] : std::string();
                const Align align = table.columns[slots[i].column].align();
                out += (out.empty() ? "" : std::string(column_gap, ' ')) +
                       padded(part, slots[i].width, align, row[slots[i].column].tone, style.colour);
            }
        }
        text += trimmed_line(std::move(out));
    }
    for (const Slot& slot : slots) {
        const std::string below = visible(row[slot.column].text);
        if (slot.below && !row[slot.column].raw.is_null() && !below.empty()) {
            const bool one_line = table.columns[slot.column].content == Content::command;
            const int width = one_line ? display_width(below) : std::max(style.width - indent_below, narrowest_prose);
            for (const std::string& line : wrap(below, width)) {
                text += std::string(indent_below, ' ') + line + '\n';
            }
        }
    }
    return text;
}

}  // namespace

int display_width(std::string_view text) {
    int width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const Letter letter = letter_at(text, at);
        width += width_of(letter.code);
        at += letter.bytes.size();
    }
    return width;
}

std::string to_console(const Table& table, const ConsoleStyle& style) {
    std::vector<Slot> slots;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const Column& column = table.columns[i];
        if (column.audience == Audience::programs) {
            continue;
        }
        // A column of reasons is left out where nothing has one.
        const bool anything = !may_stand_below(column) || std::ranges::any_of(table.rows, [&](const auto& row) {
            return !row[i].raw.is_null() && !row[i].text.empty();
        });
        if (anything) {
            slots.push_back({i, 0});
            slots.back().width = needed_width(slots.back(), table);
        }
    }
    fit(slots, table, style.width);

    std::string text;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (!slots[i].below) {
            const Column& column = table.columns[slots[i].column];
            const std::string& whole = title_of(slots[i], table);
            const std::string title = column.content == Content::text ? cut(whole, slots[i].width) : whole;
            text += (text.empty() ? "" : std::string(column_gap, ' ')) + padded(title, slots[i].width, column.align(), Tone::plain, false);
        }
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text = coloured(text, Tone::faint, style.colour) + '\n';
    for (const auto& row : table.rows) {
        text += row_text(slots, table, row, style);
    }
    return text;
}

}  // namespace plumb::report
