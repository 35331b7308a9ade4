// SPDX-License-Identifier: Apache-2.0
#include "report/vega.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/made_up_study.h"
#include "report/vega_parts.h"
#include "report/words.h"

namespace plumb::report {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::MadeUpStudy;

json spec_of(const MadeUpStudy& study, std::size_t experiment, const lab::Figure& figure, Theme theme = Theme::page) {
    const Palette palette(std::span<const lab::StudyView>(&study.view, 1));
    return vega_spec(figure_data(study.store, study.view, experiment, figure), palette, {theme, {"where it comes from"}});
}

const json& cell_of(const json& spec) {
    return spec.contains("spec") ? spec.at("spec") : spec;
}

const json* layer_with(const json& spec, const std::string& mark) {
    for (const json& layer : cell_of(spec).at("layer")) {
        if (layer.at("mark").at("type") == mark) {
            return &layer;
        }
    }
    return nullptr;
}

/// Every channel of every layer that uses a field finds it in the data.
void expect_fields_exist(const json& spec) {
    std::set<std::string> fields;
    for (const json& row : spec.at("data").at("values")) {
        for (const auto& [key, value] : row.items()) {
            fields.insert(key);
        }
    }
    for (const json& layer : cell_of(spec).at("layer")) {
        for (const auto& [name, channel] : layer.at("encoding").items()) {
            if (channel.is_object() && channel.contains("field") && !layer.contains("data")) {
                EXPECT_TRUE(fields.contains(channel["field"].get<std::string>())) << name << " uses " << channel["field"];
            }
        }
    }
}

TEST(VegaSpec, CarriesItsDataAndLoadsNothing) {
    const MadeUpStudy study;
    for (const auto& [experiment, name] :
         std::vector<std::pair<std::size_t, std::string>>{{0, "speedup"}, {1, "throughput"}, {1, "time"}}) {
        const json spec = spec_of(study, experiment, study.figure(experiment, name));
        EXPECT_FALSE(spec.at("data").at("values").empty());
        expect_fields_exist(spec);
        std::string text = spec.dump();
        text.erase(text.find("https://vega.github.io/schema"), 29);
        EXPECT_EQ(text.find("\"url\""), std::string::npos);
        EXPECT_EQ(text.find("http"), std::string::npos);
    }
}

TEST(VegaSpec, OfBarsHasIntervalsPublishedTicksAndReasons) {
    const MadeUpStudy study;
    const json spec = spec_of(study, 0, study.figure(0, "speedup"));
    ASSERT_NE(layer_with(spec, "bar"), nullptr);
    const json* rule = layer_with(spec, "rule");
    ASSERT_NE(rule, nullptr);
    EXPECT_EQ(rule->at("encoding").at("y").at("field"), "low");
    EXPECT_EQ(rule->at("encoding").at("y2").at("field"), "high");
    ASSERT_NE(layer_with(spec, "tick"), nullptr);
    EXPECT_EQ(layer_with(spec, "tick")->at("encoding").at("y").at("field"), "published");
    const json* text = layer_with(spec, "text");
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(text->at("encoding").at("text").at("field"), "why");
    EXPECT_THAT(spec.dump(), HasSubstr("unsupported: value_dim 20 is not a multiple of 8"));
}

TEST(VegaSpec, FacetsInTheOrderOfThePlan) {
    const MadeUpStudy study;
    const json spec = spec_of(study, 0, study.figure(0, "speedup"));
    EXPECT_EQ(spec.at("facet").at("column").at("sort"), json({"stage: queries", "stage: heads", "stage: batch"}));
    EXPECT_FALSE(spec.contains("resolve")) << "axes are shared unless the figure says otherwise";
}

TEST(VegaSpec, FreesAxesWhenAsked) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(0, "speedup");
    figure.share_y = lab::ShareAxis::none;
    EXPECT_EQ(spec_of(study, 0, figure).at("resolve").at("scale").at("y"), "independent");
    lab::Figure rows = study.figure(1, "throughput");
    rows.facet_column.clear();
    rows.facet_row = "mask";
    rows.share_y = lab::ShareAxis::row;
    const json spec = spec_of(study, 1, rows);
    ASSERT_EQ(spec.at("vconcat").size(), 2u) << "each row of facets is a view with an axis of its own";
    EXPECT_EQ(spec["vconcat"][1].at("title").at("text"), "mask: causal");
}

TEST(VegaSpec, GivesEachRowThatHasAnAxisOfItsOwnTicksOfItsOwn) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "time");
    figure.facet_column.clear();
    figure.facet_row = "impl";
    figure.colour = "mask";
    figure.share_y = lab::ShareAxis::row;
    const json spec = spec_of(study, 1, figure);
    ASSERT_GT(spec.at("vconcat").size(), 1u);
    std::set<json> domains;
    for (const json& row : spec["vconcat"]) {
        const json* line = layer_with(row, "line");
        ASSERT_NE(line, nullptr);
        const json& y = line->at("encoding").at("y");
        EXPECT_GE(y.at("axis").at("values").size(), 2u);
        domains.insert(y.at("scale").at("domain"));
    }
    EXPECT_GT(domains.size(), 1u) << "implementations of different speed have different axes";
}

TEST(VegaSpec, DrawsTheFrontAsStepsThroughItsPointsAlone) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");
    figure.mark = lab::Mark::front;
    figure.x = "time";
    const json spec = spec_of(study, 1, figure);
    const json* line = layer_with(spec, "line");
    ASSERT_NE(line, nullptr);
    EXPECT_EQ(line->at("mark").at("interpolate"), "step-before");
    EXPECT_THAT(line->dump(), HasSubstr("datum.front"));
    EXPECT_NE(layer_with(spec, "point"), nullptr);
}

TEST(VegaSpec, HasLogarithmicAxesWithTicksAtPowers) {
    const MadeUpStudy study;
    const json spec = spec_of(study, 1, study.figure(1, "time"));
    const json* line = layer_with(spec, "line");
    ASSERT_NE(line, nullptr);
    const json& x = line->at("encoding").at("x");
    EXPECT_EQ(x.at("scale").at("type"), "log");
    EXPECT_EQ(x.at("scale").at("base"), 2);
    EXPECT_EQ(x.at("axis").at("values"), json({32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0}));
    const json& y = line->at("encoding").at("y");
    EXPECT_EQ(y.at("scale").at("base"), 10);
    for (const json& row : spec.at("data").at("values")) {
        if (row.contains("high")) {
            EXPECT_GE(row["low"].get<double>(), y["scale"]["domain"][0].get<double>());
            EXPECT_LE(row["high"].get<double>(), y["scale"]["domain"][1].get<double>());
        }
    }
}

TEST(VegaSpec, BreaksLinesAtMissingPointsAndMarksThem) {
    const MadeUpStudy study;
    const json spec = spec_of(study, 1, study.figure(1, "throughput"));
    int gaps = 0;
    for (const json& row : spec.at("data").at("values")) {
        if (row.contains("why")) {
            EXPECT_TRUE(row.at("y").is_null());
            EXPECT_TRUE(row.at("x").is_number());
            ++gaps;
        }
    }
    EXPECT_EQ(gaps, 3);
    EXPECT_NE(layer_with(spec, "area"), nullptr) << "intervals are a band";
}

TEST(VegaSpec, DrawsTheReferenceAsADashedLineWithItsValue) {
    const MadeUpStudy study;
    const json spec = spec_of(study, 1, study.figure(1, "throughput"));
    const json* rule = layer_with(spec, "rule");
    ASSERT_NE(rule, nullptr);
    EXPECT_TRUE(rule->at("mark").contains("strokeDash"));
    EXPECT_EQ(rule->at("data").at("values").at(0).at("y"), 136.0);
}

TEST(VegaSpec, ExplainsFacetsThatHoldNoPoint) {
    MadeUpStudy study;
    std::erase_if(study.view.rows, [](const lab::ViewRow& row) {
        return row.experiment == 1 && matches(row.point.settings, {{"mask", std::string("causal")}, {"impl", std::string("sdpa")}});
    });
    lab::Figure figure = study.figure(1, "throughput");
    figure.facet_row = "impl";
    EXPECT_THAT(spec_of(study, 1, figure).dump(), HasSubstr("not part of this study"));
}

TEST(VegaSpec, KeepsValuesThatALogarithmicAxisCannotShowAsReasons) {
    MadeUpStudy study;
    lab::Record& record = *study.row(1, {{"impl", std::string("sdpa")}, {"keys", std::int64_t{64}}, {"mask", std::string("none")}}).record;
    for (lab::MetricValue& metric : record.metrics) {
        if (metric.name == "time") {
            metric.value = metric.low = metric.high = 0;
        }
    }
    const json spec = spec_of(study, 1, study.figure(1, "time"));
    EXPECT_THAT(spec.dump(), HasSubstr("has no place on a logarithmic axis"));
    for (const json& tick : layer_with(spec, "line")->at("encoding").at("y").at("axis").at("values")) {
        EXPECT_GT(tick.get<double>(), 0);
    }
}

TEST(VegaSpec, OnPaperIsOpaqueTitledAndNamesItsOrigin) {
    const MadeUpStudy study;
    const json paper = spec_of(study, 1, study.figure(1, "throughput"), Theme::paper);
    EXPECT_EQ(paper.at("config").at("background"), "#ffffff");
    EXPECT_EQ(paper.at("title").at("text"), "Throughput against sequence length");
    EXPECT_EQ(paper.at("title").at("subtitle"), json({"where it comes from"}));
    EXPECT_EQ(paper.dump().find("currentColor"), std::string::npos);
    const json page = spec_of(study, 1, study.figure(1, "throughput"), Theme::page);
    EXPECT_TRUE(page.at("config").at("background").is_null());
    EXPECT_THAT(page.dump(), HasSubstr("currentColor"));
}

TEST(VegaSpec, GivesAValueTheSameLookInEveryFigure) {
    const MadeUpStudy study;
    std::map<std::string, std::string> colour_of;
    for (const auto& [experiment, name] :
         std::vector<std::pair<std::size_t, std::string>>{{0, "speedup"}, {1, "throughput"}, {1, "time"}}) {
        const json spec = spec_of(study, experiment, study.figure(experiment, name));
        const json* layer = layer_with(spec, name == "speedup" ? "bar" : "point");
        ASSERT_NE(layer, nullptr);
        const json& scale = layer->at("encoding").at("color").at("scale");
        ASSERT_EQ(scale.at("domain").size(), scale.at("range").size());
        for (std::size_t i = 0; i < scale["domain"].size(); ++i) {
            const auto [known, is_new] = colour_of.try_emplace(scale["domain"][i].get<std::string>(), scale["range"][i].get<std::string>());
            EXPECT_EQ(known->second, scale["range"][i].get<std::string>()) << known->first << " in " << name;
        }
    }
    std::set<std::string> colours;
    for (const auto& [value, colour] : colour_of) {
        EXPECT_TRUE(colours.insert(colour).second) << "two values share " << colour;
    }
}

TEST(VegaSpec, OfAGridShadesCellsAndWritesTheirNumbers) {
    const MadeUpStudy study;
    FigureData data;
    data.figure.mark = lab::Mark::grid;
    data.figure.table = "confused";
    data.figure.x = "predicted";
    data.figure.y = "per_cent";
    data.figure.colour = "truth";
    data.x_title = "predicted";
    data.xs = data.colours = {"glass", "metal"};
    for (const std::string& truth : data.colours) {
        for (const std::string& predicted : data.xs) {
            FigureRow row;
            row.x = predicted;
            row.colour = truth;
            row.y = row.low = row.high = truth == predicted ? 80 : 20;
            row.status = "done";
            data.rows.push_back(row);
        }
    }
    const json spec = vega_spec(data, Palette(std::span<const lab::StudyView>(&study.view, 1)), {Theme::page, {}});
    expect_fields_exist(spec);
    const json* cells = layer_with(spec, "rect");
    ASSERT_NE(cells, nullptr);
    EXPECT_EQ(cells->at("encoding").at("y").at("field"), "by");
    EXPECT_EQ(cells->at("encoding").at("y").at("scale").at("domain"), json({"glass", "metal"}));
    EXPECT_EQ(cells->at("encoding").at("fillOpacity").at("field"), "y");
    ASSERT_NE(layer_with(spec, "text"), nullptr);
    EXPECT_EQ(spec.at("usermeta").at("csv").at(0), json({"truth", "by"})) << "the download tells rows apart";
}

TEST(Palette, TellsFiftySixValuesApart) {
    std::set<std::string> looks;
    for (std::size_t i = 0; i < 56; ++i) {
        looks.insert(look_at(i).colour + look_at(i).shape);
    }
    EXPECT_EQ(looks.size(), 56u);
}

TEST(LogRange, CoversTheValuesWithRoundTicks) {
    for (const auto& [low, high] :
         std::vector<std::pair<double, double>>{{1, 1}, {3, 17}, {1e-7, 2e3}, {0.09, 0.11}, {32, 8192}, {1e-300, 1e300}}) {
        for (const lab::Scale scale : {lab::Scale::log2, lab::Scale::log10}) {
            const LogRange range = log_range(low, high, scale);
            EXPECT_LE(range.low, low * (1 + 1e-9));
            EXPECT_GE(range.high, high * (1 - 1e-9));
            EXPECT_LE(range.ticks.size(), 11u);
            EXPECT_TRUE(std::ranges::is_sorted(range.ticks));
            for (const double tick : range.ticks) {
                const double exponent = scale == lab::Scale::log2 ? std::log2(tick) : std::log10(tick);
                const double rest = exponent - std::floor(exponent + 1e-9);
                const bool round =
                    std::abs(rest) < 1e-6 ||
                    (scale == lab::Scale::log10 && (std::abs(rest - std::log10(2.0)) < 1e-6 || std::abs(rest - std::log10(5.0)) < 1e-6));
                EXPECT_TRUE(round) << tick;
            }
        }
    }
}

}  // namespace
}  // namespace plumb::report
