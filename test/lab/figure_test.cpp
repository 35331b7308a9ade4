// SPDX-License-Identifier: Apache-2.0
// Claims about declarations as JSON: nothing is lost, and damage is named.
#include "lab/figure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/study_families.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;

Figure full_figure() {
    Figure figure;
    figure.name = "speedup";
    figure.title = "Speed-up over the loop";
    figure.caption = "paired";
    figure.mark = Mark::bars;
    figure.x = "stage";
    figure.y = "time";
    figure.colour = "impl";
    figure.facet_column = "mask";
    figure.facet_row = "dtype";
    figure.x_scale = Scale::log2;
    figure.y_scale = Scale::log10;
    figure.share_y = ShareAxis::row;
    figure.band = false;
    figure.relative = Relative{"impl", "loop"};
    figure.x_title = "x title";
    figure.y_title = "y title";
    figure.reference = "peak";
    figure.reference_title = "measured peak";
    figure.where = {{"mask", "none"}, {"keys", 32}};
    figure.published = {{{{"stage", "heads"}}, 39.8, "notebook"}};
    figure.table = "curves";
    figure.mean = true;
    figure.best_of = "impl";
    figure.graphviz = "digraph { a -> b }";
    return figure;
}

TEST(FigureJson, KeepsEveryMember) {
    const Figure back = figure_from_json(json::parse(to_json(full_figure()).dump()));
    EXPECT_EQ(back.name, "speedup");
    EXPECT_EQ(back.title, "Speed-up over the loop");
    EXPECT_EQ(back.caption, "paired");
    EXPECT_EQ(back.mark, Mark::bars);
    EXPECT_EQ(back.x, "stage");
    EXPECT_EQ(back.y, "time");
    EXPECT_EQ(back.colour, "impl");
    EXPECT_EQ(back.facet_column, "mask");
    EXPECT_EQ(back.facet_row, "dtype");
    EXPECT_EQ(back.x_scale, Scale::log2);
    EXPECT_EQ(back.y_scale, Scale::log10);
    EXPECT_EQ(back.share_y, ShareAxis::row);
    EXPECT_FALSE(back.band);
    ASSERT_TRUE(back.relative.has_value());
    EXPECT_EQ(back.relative->key, "impl");
    EXPECT_EQ(back.relative->baseline, "loop");
    EXPECT_EQ(back.x_title, "x title");
    EXPECT_EQ(back.y_title, "y title");
    EXPECT_EQ(back.reference, "peak");
    EXPECT_EQ(back.reference_title, "measured peak");
    EXPECT_EQ(back.where, full_figure().where);
    ASSERT_EQ(back.published.size(), 1u);
    EXPECT_EQ(back.published[0].where, full_figure().published[0].where);
    EXPECT_EQ(back.published[0].value, 39.8);
    EXPECT_EQ(back.published[0].source, "notebook");
    EXPECT_EQ(back.graphviz, "digraph { a -> b }");
    EXPECT_EQ(back.table, "curves");
    EXPECT_TRUE(back.mean);
    EXPECT_EQ(back.best_of, "impl");
}

TEST(FigureJson, AStudyRunBeforeFiguresHadTablesAndMeansIsRead) {
    nlohmann::json older = to_json(full_figure());
    for (const char* word : {"table", "mean", "best_of"}) older.erase(word);
    EXPECT_FALSE(figure_from_json(older).mean);
    EXPECT_EQ(figure_from_json(older).best_of, "");
    EXPECT_EQ(figure_from_json(older).table, "");
    EXPECT_EQ(figure_from_json(older).graphviz, full_figure().graphviz);
}

TEST(FigureJson, KeepsTheAbsenceOfABaseline) {
    EXPECT_FALSE(figure_from_json(to_json(Figure{})).relative.has_value());
}

TEST(FigureJson, EveryWordIsReadBack) {
    for (const Mark mark : {Mark::bars, Mark::lines, Mark::points, Mark::front, Mark::drawing}) {
        for (const Scale scale : {Scale::linear, Scale::log2, Scale::log10}) {
            for (const ShareAxis share : {ShareAxis::all, ShareAxis::row, ShareAxis::none}) {
                Figure figure;
                figure.mark = mark;
                figure.x_scale = scale;
                figure.share_y = share;
                const Figure back = figure_from_json(to_json(figure));
                EXPECT_TRUE(back.mark == mark && back.x_scale == scale && back.share_y == share);
            }
        }
    }
}

TEST(FigureJson, RefusesUnknownWordsWithTheKnownOnes) {
    json bad = to_json(full_figure());
    bad["mark"] = "bras";
    EXPECT_THAT(error_of([&] { figure_from_json(bad); }),
                AllOf(HasSubstr("'bras'"), HasSubstr("did you mean 'bars'?"), HasSubstr("drawing")));
    bad = to_json(full_figure());
    bad["y_scale"] = "sqrt";
    EXPECT_THAT(error_of([&] { figure_from_json(bad); }), AllOf(HasSubstr("'sqrt'"), HasSubstr("linear, log2, log10")));
}

template <class Thing, class Read>
void expect_every_damage_is_a_usage_error(const Thing& thing, Read read) {
    const json good = to_json(thing);
    for (const auto& [key, value] : good.items()) {
        json bad = good;
        bad.erase(key);
        // Studies that were run before figures had tables and means lack the words and are still read.
        const std::string expected = key == "table" || key == "mean" || key == "best_of" ? "" : "'" + key + "'";
        EXPECT_EQ(error_of([&] { read(bad); }).empty(), expected.empty()) << key;
        EXPECT_THAT(error_of([&] { read(bad); }), HasSubstr(expected));
        bad[key] = json::object();
        EXPECT_NE(error_of([&] { read(bad); }), "") << key;
    }
    EXPECT_NE(error_of([&] { read(json(3)); }), "");
}

Parameter full_parameter() {
    Parameter parameter = testing::parameter("chunk", Type::bytes, 4096, {4096, 8192});
    parameter.unit = "B";
    parameter.low = 1;
    parameter.high = 1e9;
    return parameter;
}

Answer full_answer() {
    return {Answer::Kind::ratio, "fused over loop", "ladder", "time", {{"impl", "fused"}}, {{"impl", "loop"}, {"keys", 32}}};
}

Metric full_metric() {
    return {"throughput", "original bytes per second", "B/s", Metric::Better::higher, true};
}

TEST(DeclarationJson, DamageIsNamed) {
    expect_every_damage_is_a_usage_error(full_figure(), figure_from_json);
    expect_every_damage_is_a_usage_error(full_answer(), answer_from_json);
    expect_every_damage_is_a_usage_error(full_metric(), metric_from_json);
    expect_every_damage_is_a_usage_error(full_parameter(), parameter_from_json);
}

TEST(AnswerJson, KeepsEveryMember) {
    for (const Answer::Kind kind : {Answer::Kind::value, Answer::Kind::ratio, Answer::Kind::checks, Answer::Kind::best}) {
        Answer answer = full_answer();
        answer.kind = kind;
        const Answer back = answer_from_json(json::parse(to_json(answer).dump()));
        EXPECT_EQ(back.kind, kind);
        EXPECT_EQ(back.text, answer.text);
        EXPECT_EQ(back.experiment, answer.experiment);
        EXPECT_EQ(back.metric, answer.metric);
        EXPECT_EQ(back.of, answer.of);
        EXPECT_EQ(back.over, answer.over);
    }
}

TEST(MetricJson, KeepsEveryMember) {
    for (const Metric::Better better : {Metric::Better::lower, Metric::Better::higher, Metric::Better::neither}) {
        Metric metric = full_metric();
        metric.better = better;
        const Metric back = metric_from_json(json::parse(to_json(metric).dump()));
        EXPECT_EQ(back.name, metric.name);
        EXPECT_EQ(back.help, metric.help);
        EXPECT_EQ(back.unit, metric.unit);
        EXPECT_EQ(back.better, better);
        EXPECT_EQ(back.headline, metric.headline);
    }
}

TEST(ParameterJson, KeepsEveryMember) {
    for (const Type type : {Type::boolean, Type::integer, Type::real, Type::text, Type::bytes, Type::seconds}) {
        Parameter parameter = full_parameter();
        parameter.type = type;
        const Parameter back = parameter_from_json(json::parse(to_json(parameter).dump()));
        EXPECT_EQ(back.name, parameter.name);
        EXPECT_EQ(back.help, parameter.help);
        EXPECT_EQ(back.type, type);
        EXPECT_EQ(back.unit, parameter.unit);
        EXPECT_EQ(back.default_value, parameter.default_value);
        EXPECT_EQ(back.choices, parameter.choices);
        EXPECT_EQ(back.low, parameter.low);
        EXPECT_EQ(back.high, parameter.high);
    }
    const Parameter unbounded = parameter_from_json(json::parse(to_json(Parameter{}).dump()));
    EXPECT_EQ(unbounded.low, Parameter{}.low);
    EXPECT_EQ(unbounded.high, Parameter{}.high);
}

}  // namespace
}  // namespace plumb::lab
