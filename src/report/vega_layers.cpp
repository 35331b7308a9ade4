// SPDX-License-Identifier: Apache-2.0
// The layers of one cell: bars, lines or points, their intervals, published values, what is missing, the reference line.
#include "report/palette.h"
#include "report/vega_parts.h"

namespace plumb::report {
namespace {

using nlohmann::json;

const char* const has_number = "isValid(datum.y)";
const char* const lacks_number = "!isValid(datum.y) && isValid(datum.why) && isValid(datum.x)";

json layer(const std::string& filter, json mark, json encoding) {
    json made{{"mark", std::move(mark)}, {"encoding", std::move(encoding)}};
    if (!filter.empty()) {
        made["transform"] = json::array({{{"filter", filter}}});
    }
    return made;
}

json with_field(json channel, const std::string& field) {
    channel["field"] = field;
    return channel;
}

json at_bar(const Cell2D& cell) {
    json encoding{{"x", cell.x}};
    if (!cell.offset.is_null()) {
        encoding["xOffset"] = cell.offset;
    }
    return encoding;
}

void add_colour(json& encoding, const Cell2D& cell) {
    if (!cell.colour.is_null()) {
        encoding["color"] = cell.colour;
    }
}

void fade_mistrusted(json& encoding, const Cell2D& cell) {
    if (cell.has_mistrusted) {
        encoding["opacity"] = {{"condition", {{"test", "datum.check == 'mistrusted'"}, {"value", 0.4}}}, {"value", 1}};
    }
}

json interval_rules(json encoding, const Cell2D& cell) {
    encoding["y"] = with_field(cell.y, "low");
    encoding["y2"] = {{"field", "high"}};
    return layer(has_number, {{"type", "rule"}, {"color", cell.ink}, {"strokeWidth", 1.4}, {"aria", false}}, encoding);
}

void add_bars(json& layers, const FigureData& data, const Cell2D& cell) {
    json bars = at_bar(cell);
    bars["y"] = cell.y;
    if (cell.floor) {
        bars["y2"] = {{"datum", *cell.floor}};
    }
    add_colour(bars, cell);
    fade_mistrusted(bars, cell);
    bars["tooltip"] = cell.tooltip;
    layers.push_back(layer(has_number, {{"type", "bar"}, {"cornerRadiusEnd", 2}}, bars));
    if (data.figure.band && cell.has_intervals) {
        layers.push_back(interval_rules(at_bar(cell), cell));
    }
    json published = at_bar(cell);
    published["y"] = with_field(cell.y, "published");
    published["tooltip"] = json::array({{{"field", "published"}, {"title", "published"}}, {{"field", "source"}, {"title", "in"}}});
    if (cell.has_published) {
        const json mark{{"type", "tick"}, {"orient", "horizontal"}, {"color", cell.ink}, {"thickness", 2.5}};
        layers.push_back(layer("isValid(datum.published)", mark, published));
    }
    if (!cell.has_missing) {
        return;
    }
    json missing = at_bar(cell);
    missing["y"] = {{"value", cell.height - 5}};
    missing["text"] = {{"field", "why"}};
    missing["tooltip"] = cell.tooltip;
    layers.push_back(layer(lacks_number,
                           {{"type", "text"},
                            {"angle", 270},
                            {"align", "left"},
                            {"baseline", "middle"},
                            {"fontSize", 10.5},
                            {"fontStyle", "italic"},
                            {"limit", cell.height - 10},
                            {"color", cell.ink}},
                           missing));
}

/// Points of a line that have no number break the line and leave a cross at the foot.
json missing_crosses(const Cell2D& cell) {
    json missing{{"x", cell.x}, {"y", {{"value", cell.height - 7}}}, {"tooltip", cell.tooltip}};
    add_colour(missing, cell);
    return layer(
        lacks_number,
        {{"type", "point"}, {"shape", "M-1,-1L1,1M-1,1L1,-1"}, {"size", 80}, {"strokeWidth", 2.2}, {"filled", false}, {"opacity", 1}},
        missing);
}

json point_layer(const Cell2D& cell) {
    json points{{"x", cell.x}, {"y", cell.y}, {"tooltip", cell.tooltip}};
    add_colour(points, cell);
    if (!cell.shape.is_null()) {
        points["shape"] = cell.shape;
    }
    fade_mistrusted(points, cell);
    return layer(has_number, {{"type", "point"}, {"filled", true}, {"size", 52}, {"opacity", 1}}, points);
}

void add_lines(json& layers, const FigureData& data, const Cell2D& cell) {
    json line{{"x", cell.x}, {"y", cell.y}};
    add_colour(line, cell);
    if (data.has_repeats) {
        line["detail"] = {{"field", "repeat"}};
    }
    if (data.figure.band && cell.has_intervals) {
        json band = line;
        band["y"] = with_field(cell.y, "low");
        band["y2"] = {{"field", "high"}};
        layers.push_back(layer("!isValid(datum.note)", {{"type", "area"}, {"opacity", 0.2}, {"aria", false}}, band));
    }
    layers.push_back(layer("!isValid(datum.note)", {{"type", "line"}, {"strokeWidth", 2}, {"aria", false}}, line));
    layers.push_back(point_layer(cell));
    if (cell.has_missing) {
        layers.push_back(missing_crosses(cell));
    }
}

void add_points(json& layers, const FigureData& data, const Cell2D& cell) {
    if (data.figure.band && cell.has_intervals) {
        layers.push_back(interval_rules({{"x", cell.x}}, cell));
    }
    layers.push_back(point_layer(cell));
    if (cell.has_missing) {
        layers.push_back(missing_crosses(cell));
    }
}

/// Steps, since between two points of the front only what the one further on gives is to be had.
void add_front(json& layers, const Cell2D& cell) {
    const json mark{{"type", "line"}, {"interpolate", "step-before"}, {"strokeWidth", 1.5}, {"color", cell.ink}, {"opacity", 0.55},
                    {"aria", false}};
    layers.push_back(layer("datum.front === true", mark, {{"x", cell.x}, {"y", cell.y}}));
}

/// Shaded by how opaque one colour is, so that both inks of the page can be read on it.
void add_grid(json& layers, const FigureData& data, const Cell2D& cell) {
    constexpr double faint = 0.03, full = 0.6;
    const json down{{"field", "by"},
                    {"type", "nominal"},
                    {"sort", nullptr},
                    {"scale", {{"domain", data.colours}}},
                    {"axis", {{"title", data.figure.colour}, {"labelLimit", 120}, {"grid", false}}}};
    const json shade{
        {"field", "y"}, {"type", "quantitative"}, {"scale", {{"domainMin", 0}, {"range", {faint, full}}}}, {"legend", nullptr}};
    layers.push_back(layer(has_number, {{"type", "rect"}, {"color", look_at(0).colour}, {"cornerRadius", 2}},
                           {{"x", cell.x}, {"y", down}, {"fillOpacity", shade}, {"tooltip", cell.tooltip}}));
    layers.push_back(layer("isValid(datum.y) && datum.y > 0", {{"type", "text"}, {"fontSize", 11}, {"color", cell.ink}, {"aria", false}},
                           {{"x", cell.x}, {"y", down}, {"text", {{"field", "written"}}}, {"tooltip", cell.tooltip}}));
}

/// A cell in which nothing has a number says why in its middle.
json cell_note(const Cell2D& cell) {
    return layer("isValid(datum.note)",
                 {{"type", "text"}, {"fontSize", 11}, {"fontStyle", "italic"}, {"color", cell.ink}, {"limit", cell.width - 10}},
                 {{"x", {{"value", cell.width / 2}}}, {"y", {{"value", cell.height / 2}}}, {"text", {{"field", "note"}}}});
}

void add_reference(json& layers, const FigureData& data, const Cell2D& cell) {
    const json values = json::array({{{"y", *data.reference}, {"text", data.reference_text}}});
    json rule{{"data", {{"values", values}}},
              {"mark", {{"type", "rule"}, {"strokeDash", {5, 4}}, {"color", cell.ink}, {"opacity", 0.7}}},
              {"encoding", {{"y", with_field(cell.y, "y")}}}};
    json text{{"data", {{"values", values}}},
              {"mark",
               {{"type", "text"},
                {"align", "right"},
                {"baseline", "bottom"},
                {"dy", -3},
                {"fontSize", 10.5},
                {"color", cell.ink},
                {"opacity", 0.85}}},
              {"encoding", {{"y", with_field(cell.y, "y")}, {"x", {{"value", cell.width - 2}}}, {"text", {{"field", "text"}}}}}};
    layers.push_back(std::move(rule));
    layers.push_back(std::move(text));
}

}  // namespace

json layers_of(const FigureData& data, const Cell2D& cell) {
    json layers = json::array();
    switch (data.figure.mark) {
        case lab::Mark::bars:
            add_bars(layers, data, cell);
            break;
        case lab::Mark::lines:
            add_lines(layers, data, cell);
            break;
        case lab::Mark::points:
            add_points(layers, data, cell);
            break;
        case lab::Mark::front:
            add_front(layers, cell);
            add_points(layers, data, cell);
            break;
        case lab::Mark::grid:
            add_grid(layers, data, cell);
            break;
        case lab::Mark::drawing:
        case lab::Mark::pictures:
            break;  // have no cells
    }
    if (cell.has_notes) {
        layers.push_back(cell_note(cell));
    }
    if (data.reference) {
        add_reference(layers, data, cell);
    }
    return layers;
}

}  // namespace plumb::report
