// SPDX-License-Identifier: Apache-2.0
#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace plumb::report {
namespace {

bool for_people(const Column& column) {
    return column.audience != Audience::programs;
}
bool for_programs(const Column& column) {
    return column.audience != Audience::people;
}

std::string markdown_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\n' || c == '\r') {
            escaped += ' ';
            continue;
        }
        if (c == '<') {
            escaped += "&lt;";
            continue;
        }
        if (std::string_view("\\|`*[]").find(c) != std::string_view::npos) {
            escaped += '\\';
        }
        escaped += c;
    }
    return escaped;
}

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        return std::string(text);
    }
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c;
        if (c == '"') {
            quoted += '"';
        }
    }
    return quoted + '"';
}

std::string csv_text(const nlohmann::json& raw) {
    if (raw.is_null()) {
        return {};
    }
    if (raw.is_string()) {
        return raw.get<std::string>();
    }
    if (raw.is_number_float() && !std::isfinite(raw.get<double>())) {
        return fmt::format("{}", raw.get<double>());
    }
    return raw.dump();
}

}  // namespace

Cell text_cell(std::string text) {
    nlohmann::json raw = text;
    return {std::move(text), std::move(raw), Tone::plain};
}

Cell number_cell(double value, std::string text) {
    return {std::move(text), value, Tone::plain};
}

Cell status_cell(std::string word) {
    const Tone tone = tone_of(word);
    nlohmann::json raw = word;
    return {std::move(word), std::move(raw), tone};
}

Cell empty_cell() {
    return {"–", nullptr, Tone::faint};
}

Tone tone_of(std::string_view status) {
    struct Row {
        std::string_view word;
        Tone tone;
    };
    static constexpr std::array<Row, 17> tones{{{"done", Tone::good},
                                                {"present", Tone::good},
                                                {"quiet", Tone::good},
                                                {"busy", Tone::doubtful},
                                                {"passed", Tone::good},
                                                {"faster", Tone::good},
                                                {"failed", Tone::bad},
                                                {"slower", Tone::bad},
                                                {"timeout", Tone::bad},
                                                {"mistrusted", Tone::doubtful},
                                                {"unsupported", Tone::doubtful},
                                                {"interrupted", Tone::doubtful},
                                                {"unclear", Tone::doubtful},
                                                {"missing", Tone::doubtful},
                                                {"not run", Tone::doubtful},
                                                {"no", Tone::doubtful},
                                                {"same", Tone::plain}}};
    const auto found = std::ranges::find(tones, status, &Row::word);
    return found == tones.end() ? Tone::plain : found->tone;
}

std::string to_markdown(const Table& table) {
    std::string head = "|";
    std::string rule = "|";
    for (const Column& column : table.columns) {
        if (for_people(column)) {
            head += fmt::format(" {} |", markdown_escaped(column.title));
            rule += column.align() == Align::right ? " ---: |" : " --- |";
        }
    }
    std::string text = head + '\n' + rule + '\n';
    for (const auto& row : table.rows) {
        text += '|';
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            if (for_people(table.columns[i])) {
                const std::string words = markdown_escaped(row[i].text);
                text += row[i].tone == Tone::best ? " **" + words + "** |" : " " + words + " |";
            }
        }
        text += '\n';
    }
    return text;
}

std::string to_csv(const Table& table) {
    std::string text;
    const auto add_line = [&](const auto& field) {
        bool first = true;
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            if (for_programs(table.columns[i])) {
                text += (first ? "" : ",") + csv_field(field(i));
                first = false;
            }
        }
        text += "\r\n";
    };
    add_line([&](std::size_t i) { return table.columns[i].name; });
    for (const auto& row : table.rows) {
        add_line([&](std::size_t i) { return csv_text(row[i].raw); });
    }
    return text;
}

std::string to_json_lines(const Table& table) {
    std::string text;
    for (const auto& row : table.rows) {
        nlohmann::ordered_json object = nlohmann::ordered_json::object();
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            if (for_programs(table.columns[i])) {
                object[table.columns[i].name] = row[i].raw;
            }
        }
        text += object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    }
    return text;
}

}  // namespace plumb::report
