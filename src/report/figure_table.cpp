// SPDX-License-Identifier: Apache-2.0
// The table under a figure: a row a point, what people read and what programs read.
#include <algorithm>
#include <map>
#include <set>

#include "report/figure_data.h"
#include "report/words.h"

namespace plumb::report {
namespace {

/// Number by number, text by text.
void sort_by_settings(std::vector<const FigureRow*>& rows) {
    const auto number_or_place = [](const nlohmann::json& value, const std::string& text) {
        return std::pair(value.is_number() ? value.get<double>() : 0.0, text);
    };
    std::ranges::stable_sort(rows, [&](const FigureRow* a, const FigureRow* b) {
        for (std::size_t i = 0; i < a->raw.size(); ++i) {
            const auto left = number_or_place(a->raw[i], a->settings[i]), right = number_or_place(b->raw[i], b->settings[i]);
            if (left != right) {
                return left < right;
            }
        }
        return false;
    });
}

/// The rows whose y is the best among those of their value of best_of; mistrusted ones only where there are no others.
std::set<const FigureRow*> best_rows(const FigureData& data) {
    std::map<std::string, const FigureRow*> best;
    const auto key = std::ranges::find(data.keys, data.figure.best_of);
    if (key == data.keys.end() || data.better == lab::Metric::Better::neither) {
        return {};
    }
    const auto at = static_cast<std::size_t>(key - data.keys.begin());
    const double sign = data.better == lab::Metric::Better::higher ? -1 : 1;
    for (const FigureRow& row : data.rows) {
        if (!row.y) {
            continue;
        }
        const auto rank = [&](const FigureRow& r) { return std::pair(r.check == "mistrusted", sign * *r.y); };
        const FigureRow*& kept = best[row.settings[at]];
        kept = kept == nullptr || rank(row) < rank(*kept) ? &row : kept;
    }
    std::set<const FigureRow*> rows;
    for (const auto& [value, row] : best) {
        rows.insert(row);
    }
    return rows;
}

}  // namespace

std::string interval_name(const FigureData& data) {
    return data.figure.mean ? "smallest to largest" : "95 % interval";
}

Table figure_table(const FigureData& data) {
    Table table{data.figure.title, {}, {}};
    const bool published = std::ranges::any_of(data.rows, [](const FigureRow& row) { return row.published.has_value(); });
    const bool interval = std::ranges::any_of(data.rows, [](const FigureRow& row) { return row.y && *row.low != *row.high; });
    const bool ratio = data.figure.relative.has_value();
    const std::string unit = ratio ? "" : data.y_unit;
    for (std::size_t i = 0; i < data.keys.size(); ++i) {
        table.columns.push_back({data.keys[i], data.keys[i], data.numeric[i] ? Content::number : Content::text});
    }
    if (data.has_repeats) {
        table.columns.push_back({"repeat", "repeat", Content::number});
    }
    if (data.colour_is_own()) {
        table.columns.push_back({data.figure.colour, data.figure.colour});
    }
    const std::string name = ratio ? data.figure.name : data.figure.y;
    if (data.x_is_own()) {
        table.columns.push_back(
            {name_with_unit(data.figure.x, data.x_unit), data.x_title, data.x_is_number ? Content::number : Content::text});
    }
    table.columns.push_back({name_with_unit(name, unit), ratio ? data.y_title : title_with_unit(data.figure.y, unit), Content::number});
    table.columns.push_back({name_with_unit(name + "_low", unit), "low", Content::number, Audience::programs});
    table.columns.push_back({name_with_unit(name + "_high", unit), "high", Content::number, Audience::programs});
    if (interval) {
        table.columns.push_back({"interval", interval_name(data), Content::number, Audience::people});
    }
    if (published) {
        table.columns.push_back({"published", "published", Content::number});
        table.columns.push_back({"published_source", "published in", Content::prose, Audience::programs});
    }
    if (ratio) {
        table.columns.push_back({"verdict", "verdict", Content::status});
        table.columns.push_back({"paired", "paired", Content::status, Audience::programs});
    }
    table.columns.push_back({"status", "status", Content::status, Audience::programs});
    table.columns.push_back({"check", "check", Content::status});
    table.columns.push_back({"reason", "why no number", Content::prose});
    table.columns.push_back({"run", "run", Content::code});

    const auto number = [&](double value) { return number_cell(value, ratio ? times_text(value) : cell_text(value, unit)); };
    std::vector<const FigureRow*> rows;
    for (const FigureRow& row : data.rows) {
        rows.push_back(&row);
    }
    if (!data.figure.best_of.empty()) {
        sort_by_settings(rows);
    }
    const std::set<const FigureRow*> best = best_rows(data);
    for (const FigureRow* each : rows) {
        const FigureRow& row = *each;
        std::vector<Cell> cells;
        for (std::size_t i = 0; i < row.settings.size(); ++i) {
            cells.push_back({row.settings[i], row.raw[i], Tone::plain});
        }
        if (data.has_repeats) {
            cells.push_back({std::to_string(row.repeat), row.repeat, Tone::plain});
        }
        if (data.colour_is_own()) {
            cells.push_back(row.colour.empty() ? empty_cell() : text_cell(row.colour));
        }
        if (data.x_is_own()) {
            cells.push_back(row.x_number ? number_cell(*row.x_number, row.x) : row.x.empty() ? empty_cell() : text_cell(row.x));
        }
        cells.push_back(row.y ? number(*row.y) : empty_cell());
        cells.back().tone = best.contains(each) ? Tone::best : cells.back().tone;
        cells.push_back(row.low ? number(*row.low) : empty_cell());
        cells.push_back(row.high ? number(*row.high) : empty_cell());
        if (interval) {
            cells.push_back(row.y ? text_cell(ratio ? ratio_interval(*row.low, *row.high) : cell_interval(*row.low, *row.high, unit))
                                  : empty_cell());
        }
        if (published) {
            cells.push_back(row.published ? number(*row.published) : empty_cell());
            cells.push_back(row.published_source.empty() ? Cell{} : text_cell(row.published_source));
        }
        if (ratio) {
            cells.push_back(row.judgement ? status_cell(std::string(lab::name(row.judgement->verdict))) : empty_cell());
            cells.push_back(row.judgement ? status_cell(row.judgement->paired ? "yes" : "no") : empty_cell());
        }
        cells.push_back(status_cell(row.status));
        cells.push_back(row.status != "done" ? status_cell(row.status) : row.check.empty() ? empty_cell() : status_cell(row.check));
        cells.push_back(row.reason.empty() ? Cell{} : text_cell(row.reason));
        cells.push_back(row.run.empty() ? empty_cell() : Cell{short_run(row.run), row.run, Tone::plain});
        table.rows.push_back(std::move(cells));
    }
    return table;
}

}  // namespace plumb::report
