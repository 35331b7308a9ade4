// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace plumb::report {
namespace {

std::string_view tone_class(Tone tone) {
    switch (tone) {
        case Tone::good:
            return "good";
        case Tone::doubtful:
            return "doubtful";
        case Tone::bad:
            return "bad";
        case Tone::faint:
            return "faint";
        case Tone::best:
            return "best";
        case Tone::plain:
            break;
    }
    return "plain";
}

bool has_anything(const Table& table, std::size_t column) {
    return std::ranges::any_of(table.rows, [&](const auto& row) { return !row[column].raw.is_null() && !row[column].text.empty(); });
}

/// "12.5" sorts as it stands; "1.2 ms" needs its number beside it.
bool sorts_by_text(const Cell& cell) {
    return !cell.raw.is_number() || (!cell.text.empty() && std::isdigit(static_cast<unsigned char>(cell.text.back())) != 0);
}

std::string open_cell(const Column& column, const Cell& cell, const HtmlTableOptions& options, std::set<std::string>& targets) {
    switch (column.content) {
        case Content::number: {
            const std::string classes = cell.tone == Tone::best ? "\"n best\"" : "n";
            return sorts_by_text(cell) ? fmt::format("<td class={}>", classes)
                                       : fmt::format("<td class={} data-v={:.6g}>", classes, cell.raw.get<double>());
        }
        case Content::prose:
        case Content::command:
            return cell.text.empty() ? "<td>" : "<td class=prose>";
        case Content::status:
            return cell.raw.is_null() ? "<td>" : fmt::format("<td class=\"word {}\">", tone_class(cell.tone));
        case Content::code: {
            const std::string target = options.run_anchor + slug(cell.text);
            const bool is_target = !options.run_anchor.empty() && targets.insert(target).second;
            return is_target ? fmt::format("<td class=run id=\"{}\">", target) : "<td class=run>";
        }
        case Content::text:
            break;
    }
    const bool has_look = options.look_of && column.name == options.look_column;
    return has_look ? fmt::format("<td class=look{}>", options.look_of(cell.text)) : "<td>";
}

std::string status_with_reason(const Cell& status, const Cell& reason) {
    const std::string cause = html_escaped(reason.text);
    if (cause.empty()) {
        return fmt::format("<td class=\"word {}\">{}", tone_class(status.tone), html_escaped(status.text));
    }
    return fmt::format("<td class=prose><span class=\"word {}\">{}</span> {}", tone_class(status.tone), html_escaped(status.text), cause);
}

}  // namespace

std::string html_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
        }
    }
    return escaped;
}

std::string json_for_html(const nlohmann::json& json) {
    const std::string plain = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::string safe;
    safe.reserve(plain.size());
    for (const char c : plain) {
        // In JSON '<' occurs inside strings only, where this escape means the same letter.
        if (c == '<') {
            safe += "\\u003c";
        } else {
            safe += c;
        }
    }
    return safe;
}

std::string slug(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            made += c;
        } else if (!made.empty() && made.back() != '-') {
            made += '-';
        }
    }
    return made.empty() ? "x" : made;
}

std::string status_html(std::string_view word) {
    return fmt::format("<span class=\"word {}\">{}</span>", tone_class(tone_of(word)), html_escaped(word));
}

std::string html_table(const Table& table, const HtmlTableOptions& options) {
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const Column& column = table.columns[i];
        const bool merged = !options.reason_into.empty() && column.name == "reason";
        const bool may_be_left_out = column.content == Content::prose || column.content == Content::command;
        if (!merged && column.audience != Audience::programs && (!may_be_left_out || has_anything(table, i))) {
            shown.push_back(i);
        }
    }
    const auto numbered = [&](std::string_view name) {
        return static_cast<std::size_t>(std::ranges::find(table.columns, name, &Column::name) - table.columns.begin());
    };
    const std::size_t reason = numbered("reason");
    const std::size_t status =
        options.reason_into.empty() || reason == table.columns.size() ? table.columns.size() : numbered(options.reason_into);
    // End tags of rows and cells are optional in HTML and would be a third of a long table.
    std::string html = fmt::format("<table id=\"{}\"><caption>{}</caption><thead><tr>", options.id, html_escaped(options.caption));
    for (const std::size_t i : shown) {
        html += fmt::format("<th scope=col{}>{}", table.columns[i].align() == Align::right ? " class=n" : "",
                            html_escaped(table.columns[i].title));
    }
    html += "<tbody>\n";
    std::set<std::string> targets;
    for (const auto& row : table.rows) {
        html += "<tr>";
        for (const std::size_t i : shown) {
            html += i == status ? status_with_reason(row[i], row[reason])
                                : open_cell(table.columns[i], row[i], options, targets) + html_escaped(row[i].text);
        }
        html += '\n';
    }
    return html + "</table>\n";
}

}  // namespace plumb::report
