// SPDX-License-Identifier: Apache-2.0
// Data, encodings and facets of a specification; marks are in vega_layers.cpp, axes and theme in vega_axes.cpp.
#include "report/vega.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "report/vega_parts.h"
#include "report/words.h"

namespace plumb::report {
namespace {

using nlohmann::json;

constexpr int page_width = 985;  // of the drawing area of a page, in pixels
constexpr int axis_width = 65;
constexpr int cell_gap = 20;
constexpr int narrowest_bar = 15;
constexpr int widest_square = 72;  // of a grid
constexpr int square_height = 26;

bool logarithmic(lab::Scale scale) {
    return scale != lab::Scale::linear;
}

std::string key_field(std::size_t index) {
    return fmt::format("k{}", index);
}

/// What a point without a number says of itself.
std::string why(const FigureRow& row, bool log_y) {
    if (row.y && log_y && *row.y <= 0) {
        return fmt::format("{} has no place on a logarithmic axis", *row.y);
    }
    const std::string status = row.status == "done" ? "no number" : row.status;
    return row.reason.empty() ? status : fmt::format("{}: {}", status, row.reason);
}

/// Two digits, or all of a larger whole number: what fits into a cell.
std::string short_number(double value) {
    return std::abs(value) >= 9.5 ? fmt::format("{:.0f}", value) : fmt::format("{:.2g}", value);
}

json datum_of(const FigureData& data, const FigureRow& row) {
    const bool log_y = logarithmic(data.figure.y_scale);
    json datum = json::object();
    for (std::size_t i = 0; i < row.raw.size(); ++i) {
        datum[key_field(i)] = row.raw[i];
    }
    if (data.x_is_number) {
        datum["x"] = row.x_number ? json(*row.x_number) : json(nullptr);
    } else {
        datum["x"] = row.x;
    }
    const auto set = [&](const char* field, const std::string& text) {
        if (!text.empty()) {
            datum[field] = text;
        }
    };
    set("by", row.colour);
    set("column", row.column);
    set("row", row.row);
    set("check", row.check);
    set("run", row.run);
    if (data.has_repeats) {
        datum["repeat"] = row.repeat;
    }
    if (row.on_front) {
        datum["front"] = true;
    }
    if (row.y && (!log_y || *row.y > 0)) {
        const std::string unit = data.figure.relative ? "" : data.y_unit;
        datum["y"] = *row.y;
        datum["low"] = log_y && *row.low <= 0 ? *row.y : *row.low;
        datum["high"] = *row.high;
        if (data.figure.mark == lab::Mark::grid) {
            datum["written"] = short_number(*row.y);
        }
        datum["value"] = data.figure.relative ? times_text(*row.y) : quantity_text(*row.y, unit);
        if (*row.low != *row.high) {
            datum["interval"] = data.figure.relative ? ratio_interval(*row.low, *row.high) : interval_text(*row.low, *row.high, unit);
        }
    } else {
        datum["y"] = nullptr;
        datum["why"] = why(row, log_y);
    }
    if (row.published) {
        datum["published"] = *row.published;
        datum["source"] = row.published_source;
    }
    return datum;
}

/// One note for every cell of the grid in which no point has a number.
json notes_of(const FigureData& data) {
    json notes = json::array();
    if (data.columns.empty() && data.row_facets.empty()) {
        return notes;
    }
    const std::vector<std::string> none{""};
    for (const std::string& row : data.row_facets.empty() ? none : data.row_facets) {
        for (const std::string& column : data.columns.empty() ? none : data.columns) {
            const auto here = [&](const FigureRow& r) { return r.row == row && r.column == column; };
            const bool planned = std::ranges::any_of(data.rows, here);
            const bool drawn = std::ranges::any_of(data.rows, [&](const FigureRow& r) { return here(r) && r.y; });
            if (drawn || (planned && data.figure.mark == lab::Mark::bars)) {
                continue;  // bars carry their reasons themselves
            }
            const auto first = std::ranges::find_if(data.rows, here);
            json note{{"note", planned ? why(*first, false) : "not part of this study"}};
            if (!column.empty()) {
                note["column"] = column;
            }
            if (!row.empty()) {
                note["row"] = row;
            }
            notes.push_back(std::move(note));
        }
    }
    return notes;
}

struct Extent {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void add(std::optional<double> value, bool positive_only) {
        if (value && std::isfinite(*value) && (!positive_only || *value > 0)) {
            low = std::min(low, *value);
            high = std::max(high, *value);
        }
    }
    bool empty() const { return low > high; }
};

/// Of all rows, or of those in one row of facets.
Extent y_extent(const FigureData& data, bool positive_only, const std::string* facet_row) {
    Extent extent;
    for (const FigureRow& row : data.rows) {
        if (facet_row != nullptr && row.row != *facet_row) {
            continue;
        }
        extent.add(row.y, positive_only);
        extent.add(row.low, positive_only);
        extent.add(row.high, positive_only);
        extent.add(row.published, positive_only);
    }
    extent.add(data.reference, positive_only);
    if (data.figure.relative && data.figure.mark == lab::Mark::bars) {
        extent.add(1.0, positive_only);  // bars of ratios stand on "as fast as the baseline"
    }
    return extent;
}

json number_axis(const std::string& title, const std::string& unit) {
    return {{"title", title}, {"labelExpr", label_expression(unit)}};
}

void make_logarithmic(json& channel, const Extent& extent, lab::Scale scale, bool own_domain) {
    channel["scale"] = {{"type", "log"}, {"base", scale == lab::Scale::log2 ? 2 : 10}};
    if (extent.empty()) {
        return;
    }
    const LogRange range = log_range(extent.low, extent.high, scale);
    if (own_domain) {
        channel["scale"]["domain"] = {range.low, range.high};
    } else {
        channel["scale"]["nice"] = false;
        channel["scale"]["padding"] = 10;
    }
    const auto inside = std::ranges::count_if(range.ticks, [&](double tick) { return tick >= extent.low && tick <= extent.high; });
    if (own_domain || inside > 2) {  // less than two octaves: Vega's own ticks say more
        channel["axis"]["values"] = range.ticks;
    }
}

json x_channel(const FigureData& data, int width) {
    if (!data.x_is_number) {
        std::size_t longest = 0;
        for (const std::string& x : data.xs) {
            longest = std::max(longest, static_cast<std::size_t>(display_width(x)));
        }
        const double band = static_cast<double>(width) / static_cast<double>(std::max<std::size_t>(1, data.xs.size()));
        const bool fits = static_cast<double>(longest) * 6.4 <= band;
        const json title = data.figure.x_title.empty() && data.figure.x == data.figure.colour ? json(nullptr) : json(data.x_title);
        return {{"field", "x"},
                {"type", "nominal"},
                {"sort", nullptr},
                {"scale", {{"domain", data.xs}}},
                {"axis", {{"title", title}, {"labelAngle", fits ? 0 : -38}, {"labelLimit", 150}}}};
    }
    json channel{{"field", "x"}, {"type", "quantitative"}, {"axis", number_axis(data.x_title, data.x_unit)}};
    Extent extent;
    for (const FigureRow& row : data.rows) {
        extent.add(row.x_number, logarithmic(data.figure.x_scale));
    }
    if (logarithmic(data.figure.x_scale)) {
        make_logarithmic(channel, extent, data.figure.x_scale, false);
    } else {
        // From zero on nothing stands left of it, and room for that would put negative ticks there.
        const bool from_zero = !extent.empty() && extent.low >= 0 && extent.low <= 0.3 * extent.high;
        channel["scale"] = {{"zero", from_zero}, {"padding", from_zero ? 0 : 10}};
    }
    const auto is_whole = [](const FigureRow& row) { return !row.x_number || *row.x_number == std::round(*row.x_number); };
    if (!data.figure.table.empty() && std::ranges::all_of(data.rows, is_whole)) {  // rounds, steps: none lies between two
        channel["axis"]["tickMinStep"] = 1;
        channel["scale"]["nice"] = false;
    }
    return channel;
}

/// `facet_row`: the row of facets that has an axis of its own; null where all share one or none does.
json y_channel(const FigureData& data, Cell2D& cell, const std::string* facet_row) {
    const bool log = logarithmic(data.figure.y_scale);
    const std::string unit = data.figure.relative ? "" : data.y_unit;
    json channel{{"field", "y"}, {"type", "quantitative"}, {"axis", number_axis(data.y_title, unit)}};
    const Extent extent = y_extent(data, log, facet_row);
    const bool bars = data.figure.mark == lab::Mark::bars;
    if (log) {
        // Cells with axes of their own let Vega find each domain; bars then need a common foot all the same.
        make_logarithmic(channel, extent, data.figure.y_scale, data.figure.share_y != lab::ShareAxis::none || bars);
        if (bars && !extent.empty()) {
            cell.floor = log_range(extent.low, extent.high, data.figure.y_scale).low;
        }
    } else {
        channel["scale"] = {{"zero", bars || (!extent.empty() && extent.low >= 0 && extent.low <= 0.5 * extent.high)}};
    }
    return channel;
}

bool legend_needed(const FigureData& data) {
    const bool said_by_x = data.figure.mark == lab::Mark::bars && data.figure.colour == data.figure.x;
    return data.colours.size() > 1 && !said_by_x;
}

/// In as many columns as the page has room for, where one line of names is too long for it.
json legend_of(const std::vector<std::string>& names) {
    constexpr int letter_width = 7;
    constexpr int symbol_width = 35;
    int all = 0;
    int widest = 0;
    for (const std::string& name : names) {
        const int width = display_width(name) * letter_width + symbol_width;
        all += width;
        widest = std::max(widest, width);
    }
    json legend{{"title", nullptr}};
    if (all > page_width) {
        legend["columns"] = std::max(1, page_width / widest);
    }
    return legend;
}

json look_channel(const FigureData& data, const Palette& palette, std::string Look::*part) {
    if (data.colours.empty() || data.figure.mark == lab::Mark::grid) {
        return nullptr;
    }
    json range = json::array();
    for (std::size_t i = 0; i < data.colours.size(); ++i) {
        // The palette knows values of parameters; what a table colours by are names of its own.
        const Look look = data.figure.table.empty() ? palette.of(data.figure.colour, data.colours[i]) : look_at(i);
        range.push_back(look.*part);
    }
    json channel{{"field", "by"}, {"type", "nominal"}, {"sort", nullptr}, {"scale", {{"domain", data.colours}, {"range", range}}}};
    channel["legend"] = legend_needed(data) ? legend_of(data.colours) : json(nullptr);
    return channel;
}

json tooltip_of(const FigureData& data) {
    json tooltip = json::array();
    for (std::size_t i = 0; i < data.keys.size(); ++i) {
        tooltip.push_back({{"field", key_field(i)}, {"title", data.keys[i]}, {"type", "nominal"}});
    }
    const auto add = [&](const char* field, const std::string& title) {
        tooltip.push_back({{"field", field}, {"title", title}, {"type", "nominal"}});
    };
    if (data.figure.mark == lab::Mark::grid) {
        add("by", data.figure.colour);
        add("x", data.x_title);
    }
    add("value", data.y_title);
    const auto any = [&](const auto& test) { return std::ranges::any_of(data.rows, test); };
    if (any([](const FigureRow& row) { return row.y && *row.low != *row.high; })) {
        add("interval", interval_name(data));
    }
    if (any([](const FigureRow& row) { return row.published.has_value(); })) {
        add("published", "published");
    }
    if (any([](const FigureRow& row) { return !row.y; })) {
        add("why", "no number");
    }
    add("check", "check");
    add("run", "run");
    return tooltip;
}

int cell_width(const FigureData& data, std::size_t columns) {
    const int count = static_cast<int>(std::max<std::size_t>(1, columns));
    const bool own_axes = data.figure.share_y == lab::ShareAxis::none;
    const int axes = axis_width * (own_axes ? count : 1);
    int width = (page_width - axes - cell_gap * (count - 1) - (data.row_facets.empty() ? 0 : 25)) / count;
    width = count == 1 ? std::min(width, 760) : width;
    if (data.figure.mark == lab::Mark::bars) {
        const std::size_t in_band =
            data.figure.colour.empty() || data.figure.colour == data.figure.x ? 1 : std::max<std::size_t>(1, data.colours.size());
        const int bars = static_cast<int>(data.xs.size() * in_band);
        width = std::max(width, bars * narrowest_bar);  // the page scrolls such a figure
        width = count == 1 ? std::min(width, std::max(320, bars * 90)) : width;
    }
    if (data.figure.mark == lab::Mark::grid) {
        width = std::min(width, static_cast<int>(data.xs.size()) * widest_square);
    }
    return std::max(width, 110);
}

bool drawable(const FigureData& data, const FigureRow& row) {
    return row.y && (!logarithmic(data.figure.y_scale) || *row.y > 0);
}

/// Which layers have data, among the rows of one row of facets (all rows when `row` is null).
void set_layers(Cell2D& cell, const FigureData& data, const json& notes, const std::string* row) {
    const auto any = [&](const auto& test) {
        return std::ranges::any_of(data.rows, [&](const FigureRow& r) { return (row == nullptr || r.row == *row) && test(r); });
    };
    cell.has_intervals = any([](const FigureRow& r) { return r.y && *r.low != *r.high; });
    cell.has_mistrusted = any([](const FigureRow& r) { return r.check == "mistrusted"; });
    cell.has_published = any([](const FigureRow& r) { return r.published.has_value(); });
    cell.has_missing = any([&](const FigureRow& r) { return !drawable(data, r) && (r.x_number || !data.x_is_number); });
    cell.has_notes =
        std::ranges::any_of(notes, [&](const json& note) { return row == nullptr || note.value("row", std::string()) == *row; });
}

Cell2D cell_of(const FigureData& data, const Palette& palette, Theme theme, std::size_t columns) {
    Cell2D cell;
    cell.width = cell_width(data, columns);
    cell.height = data.row_facets.size() > 2 ? 150 : data.row_facets.size() > 1 ? 190 : columns > 1 ? 240 : 290;
    if (data.figure.mark == lab::Mark::grid) {
        cell.height = std::max(80, static_cast<int>(data.colours.size()) * square_height);
    }
    cell.ink = theme == Theme::page ? "currentColor" : "#1b1f24";
    cell.x = x_channel(data, cell.width);
    cell.y = y_channel(data, cell, nullptr);
    cell.colour = look_channel(data, palette, &Look::colour);
    cell.shape = data.figure.mark == lab::Mark::bars ? json(nullptr) : look_channel(data, palette, &Look::shape);
    const bool grouped = data.figure.mark == lab::Mark::bars && data.colours.size() > 1 && data.figure.colour != data.figure.x;
    if (grouped) {
        cell.offset = {{"field", "by"}, {"type", "nominal"}, {"sort", nullptr}, {"scale", {{"domain", data.colours}}}};
    } else if (data.figure.mark == lab::Mark::bars && data.has_repeats) {
        cell.offset = {{"field", "repeat"}, {"type", "nominal"}};
    }
    cell.tooltip = tooltip_of(data);
    return cell;
}

json facet_field(const char* field, const std::vector<std::string>& order) {
    return {{"field", field}, {"type", "nominal"}, {"sort", order}, {"title", nullptr}};
}

/// The facet grid around one cell; the single cell itself where nothing is faceted.
void add_view(json& spec, const FigureData& data, const Palette& palette, Theme theme, const json& notes) {
    constexpr std::size_t wrap_at = 4;
    const bool wraps = data.row_facets.empty() && data.columns.size() > wrap_at;
    const std::size_t side_by_side = wraps ? (data.columns.size() % 3 == 0 ? 3 : wrap_at) : data.columns.size();
    Cell2D cell = cell_of(data, palette, theme, side_by_side);
    const auto inner_of = [&](const std::string* row) {
        if (row != nullptr) {
            cell.y = y_channel(data, cell, row);
        }
        set_layers(cell, data, notes, row);
        return json{{"width", cell.width}, {"height", cell.height}, {"layer", layers_of(data, cell)}};
    };
    if (data.columns.empty() && data.row_facets.empty()) {
        spec.update(inner_of(nullptr));
        return;
    }
    const bool rows_apart = data.figure.share_y == lab::ShareAxis::row && !data.row_facets.empty();
    if (rows_apart) {
        spec["vconcat"] = json::array();
        for (const std::string& row : data.row_facets) {
            json part{{"transform", json::array({{{"filter", {{"field", "row"}, {"equal", row}}}}})},
                      {"title", {{"text", row}, {"fontSize", 12}}}};
            if (data.columns.empty()) {
                part.update(inner_of(&row));
            } else {
                part.update({{"facet", {{"column", facet_field("column", data.columns)}}}, {"spec", inner_of(&row)}});
            }
            spec["vconcat"].push_back(std::move(part));
        }
        return;
    }
    spec["spacing"] = cell_gap;
    spec["spec"] = inner_of(nullptr);
    if (wraps) {
        spec["facet"] = facet_field("column", data.columns);
        spec["columns"] = side_by_side;
    } else {
        spec["facet"] = json::object();
        if (!data.columns.empty()) {
            spec["facet"]["column"] = facet_field("column", data.columns);
        }
        if (!data.row_facets.empty()) {
            spec["facet"]["row"] = facet_field("row", data.row_facets);
            // They stand upright beside their row: a line a setting where they are longer than it is high.
            const auto longer = [&](const std::string& text) { return display_width(text) * 6.6 > cell.height; };
            if (std::ranges::any_of(data.row_facets, longer)) {
                spec["facet"]["row"]["header"] = {{"labelExpr", "split(datum.label, ', ')"}};
            }
        }
    }
    if (data.figure.share_y == lab::ShareAxis::none) {
        spec["resolve"] = {{"scale", {{"y", "independent"}}}};
    }
}

json csv_columns(const FigureData& data) {
    json columns = json::array();
    for (std::size_t i = 0; i < data.keys.size(); ++i) {
        columns.push_back({data.keys[i], key_field(i)});
    }
    if (data.has_repeats) {
        columns.push_back({"repeat", "repeat"});
    }
    if (data.colour_is_own()) {
        columns.push_back({data.figure.colour, "by"});
    }
    if (data.x_is_own()) {
        columns.push_back({name_with_unit(data.figure.x, data.x_unit), "x"});
    }
    const std::string unit = data.figure.relative ? "" : data.y_unit;
    const std::string name = data.figure.relative ? data.figure.name : data.figure.y;
    columns.push_back({name_with_unit(name, unit), "y"});
    columns.push_back({name_with_unit(name + "_low", unit), "low"});
    columns.push_back({name_with_unit(name + "_high", unit), "high"});
    columns.push_back({"published", "published"});
    columns.push_back({"check", "check"});
    columns.push_back({"reason", "why"});
    columns.push_back({"run", "run"});
    return columns;
}

}  // namespace

json vega_spec(const FigureData& data, const Palette& palette, const SpecOptions& options) {
    json values = json::array();
    for (const FigureRow& row : data.rows) {
        values.push_back(datum_of(data, row));
    }
    const json notes = notes_of(data);
    values.insert(values.end(), notes.begin(), notes.end());
    json spec{{"$schema", "https://vega.github.io/schema/vega-lite/v6.json"},
              {"description", fmt::format("{}. {}", data.figure.title, data.figure.caption)},
              {"usermeta", {{"csv", csv_columns(data)}}},
              {"config", theme_config(options.theme)},
              {"data", {{"values", values}}}};
    if (options.theme == Theme::paper) {
        spec["title"] = {{"text", data.figure.title}, {"subtitle", options.subtitle}};
        spec["padding"] = 14;
    }
    add_view(spec, data, palette, options.theme, notes);
    return spec;
}

}  // namespace plumb::report
