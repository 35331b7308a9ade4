// SPDX-License-Identifier: Apache-2.0
// Figures, answers, metrics and parameters as JSON: what study.json keeps, so that any run can be drawn without the code that made it.
#include "lab/figure.h"

#include <array>

#include "lab/json_fields.h"

namespace plumb::lab {
namespace {

using Json = nlohmann::json;
template <class Enum, std::size_t Count>
using Names = std::array<std::pair<Enum, std::string_view>, Count>;

constexpr Names<Mark, 7> marks{{{Mark::bars, "bars"},
                                {Mark::lines, "lines"},
                                {Mark::points, "points"},
                                {Mark::front, "front"},
                                {Mark::grid, "grid"},
                                {Mark::drawing, "drawing"},
                                {Mark::pictures, "pictures"}}};
constexpr Names<Scale, 3> scales{{{Scale::linear, "linear"}, {Scale::log2, "log2"}, {Scale::log10, "log10"}}};
constexpr Names<ShareAxis, 3> shares{{{ShareAxis::all, "all"}, {ShareAxis::row, "row"}, {ShareAxis::none, "none"}}};
constexpr Names<Answer::Kind, 4> kinds{
    {{Answer::Kind::value, "value"}, {Answer::Kind::ratio, "ratio"}, {Answer::Kind::checks, "checks"}, {Answer::Kind::best, "best"}}};
constexpr Names<Metric::Better, 3> directions{
    {{Metric::Better::lower, "lower"}, {Metric::Better::higher, "higher"}, {Metric::Better::neither, "neither"}}};
constexpr Names<Type, 6> types{{{Type::boolean, "boolean"},
                                {Type::integer, "integer"},
                                {Type::real, "real"},
                                {Type::text, "text"},
                                {Type::bytes, "bytes"},
                                {Type::seconds, "seconds"}}};

template <class Enum>
std::string text_of(EnumNames<Enum> names, Enum value) {
    return std::string(enum_name(names, value));
}

Json to_json(const Published& published) {
    return {{"where", lab::to_json(published.where)}, {"value", published.value}, {"source", published.source}};
}

Published published_from_json(const Json& json) {
    const JsonFields fields(json, "a published value");
    return {settings_from_json(fields.array("where")), fields.real("value"), fields.text("source")};
}

}  // namespace

Json to_json(const Figure& figure) {
    Json published = Json::array();
    for (const Published& value : figure.published) published.push_back(to_json(value));
    const Json relative = figure.relative ? Json{{"key", figure.relative->key}, {"baseline", figure.relative->baseline}} : Json();
    return {{"name", figure.name},
            {"title", figure.title},
            {"caption", figure.caption},
            {"mark", text_of<Mark>(marks, figure.mark)},
            {"x", figure.x},
            {"y", figure.y},
            {"colour", figure.colour},
            {"facet_column", figure.facet_column},
            {"facet_row", figure.facet_row},
            {"x_scale", text_of<Scale>(scales, figure.x_scale)},
            {"y_scale", text_of<Scale>(scales, figure.y_scale)},
            {"share_y", text_of<ShareAxis>(shares, figure.share_y)},
            {"band", figure.band},
            {"relative", relative},
            {"x_title", figure.x_title},
            {"y_title", figure.y_title},
            {"reference", figure.reference},
            {"reference_title", figure.reference_title},
            {"where", to_json(figure.where)},
            {"published", published},
            {"table", figure.table},
            {"mean", figure.mean},
            {"best_of", figure.best_of},
            {"graphviz", figure.graphviz}};
}

Figure figure_from_json(const Json& json) {
    const JsonFields fields(json, "a figure");
    Figure figure;
    figure.name = fields.text("name");
    figure.title = fields.text("title");
    figure.caption = fields.text("caption");
    figure.mark = enum_value<Mark>(marks, fields.text("mark"), "mark");
    figure.x = fields.text("x");
    figure.y = fields.text("y");
    figure.colour = fields.text("colour");
    figure.facet_column = fields.text("facet_column");
    figure.facet_row = fields.text("facet_row");
    figure.x_scale = enum_value<Scale>(scales, fields.text("x_scale"), "scale");
    figure.y_scale = enum_value<Scale>(scales, fields.text("y_scale"), "scale");
    figure.share_y = enum_value<ShareAxis>(shares, fields.text("share_y"), "sharing of an axis");
    figure.band = fields.boolean("band");
    if (const auto& relative = fields.member("relative"); !relative.is_null()) {
        const JsonFields parts(relative, "the baseline of a figure");
        figure.relative = Relative{parts.text("key"), parts.text("baseline")};
    }
    figure.x_title = fields.text("x_title");
    figure.y_title = fields.text("y_title");
    figure.reference = fields.text("reference");
    figure.reference_title = fields.text("reference_title");
    figure.where = settings_from_json(fields.array("where"));
    for (const auto& value : fields.array("published")) figure.published.push_back(published_from_json(value));
    // Studies run before figures had these lack them.
    if (fields.find("table") != nullptr) figure.table = fields.text("table");
    if (fields.find("mean") != nullptr) figure.mean = fields.boolean("mean");
    if (fields.find("best_of") != nullptr) figure.best_of = fields.text("best_of");
    figure.graphviz = fields.text("graphviz");
    return figure;
}

Json to_json(const Answer& answer) {
    return {{"kind", text_of<Answer::Kind>(kinds, answer.kind)},
            {"text", answer.text},
            {"experiment", answer.experiment},
            {"metric", answer.metric},
            {"of", to_json(answer.of)},
            {"over", to_json(answer.over)}};
}

Answer answer_from_json(const Json& json) {
    const JsonFields fields(json, "an answer");
    return {answer_kind(fields.text("kind")),
            fields.text("text"),
            fields.text("experiment"),
            fields.text("metric"),
            settings_from_json(fields.array("of")),
            settings_from_json(fields.array("over"))};
}

Answer::Kind answer_kind(std::string_view text) {
    return enum_value<Answer::Kind>(kinds, text, "kind of answer");
}

Json to_json(const Metric& metric) {
    return {{"name", metric.name},
            {"help", metric.help},
            {"unit", metric.unit},
            {"better", text_of<Metric::Better>(directions, metric.better)},
            {"headline", metric.headline}};
}

Metric metric_from_json(const Json& json) {
    const JsonFields fields(json, "a metric");
    return {fields.text("name"), fields.text("help"), fields.text("unit"),
            enum_value<Metric::Better>(directions, fields.text("better"), "direction of a metric"), fields.boolean("headline")};
}

Json to_json(const Parameter& parameter) {
    Json choices = Json::array();
    for (const Value& choice : parameter.choices) choices.push_back(to_json(choice));
    return {{"name", parameter.name},
            {"help", parameter.help},
            {"type", text_of<Type>(types, parameter.type)},
            {"unit", parameter.unit},
            {"default", to_json(parameter.default_value)},
            {"choices", choices},
            {"low", parameter.low},
            {"high", parameter.high}};
}

Parameter parameter_from_json(const Json& json) {
    const JsonFields fields(json, "a parameter");
    Parameter parameter;
    parameter.name = fields.text("name");
    parameter.help = fields.text("help");
    parameter.type = enum_value<Type>(types, fields.text("type"), "type of a parameter");
    parameter.unit = fields.text("unit");
    parameter.default_value = value_from_json(fields.member("default"));
    for (const auto& choice : fields.array("choices")) parameter.choices.push_back(value_from_json(choice));
    parameter.low = fields.real("low");
    parameter.high = fields.real("high");
    return parameter;
}

}  // namespace plumb::lab
