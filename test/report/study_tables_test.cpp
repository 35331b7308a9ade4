// SPDX-License-Identifier: Apache-2.0
#include "report/study_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "report/made_up_study.h"
#include "report/words.h"

namespace plumb::report {
namespace {

using ::testing::HasSubstr;
using testing::MadeUpStudy;

std::size_t column(const Table& table, const std::string& name) {
    const auto found = std::ranges::find(table.columns, name, &Column::name);
    EXPECT_NE(found, table.columns.end()) << "no column " << name;
    return static_cast<std::size_t>(found - table.columns.begin());
}

bool has_column(const Table& table, const std::string& name) {
    return std::ranges::find(table.columns, name, &Column::name) != table.columns.end();
}

void expect_rectangular(const Table& table) {
    for (const auto& row : table.rows) {
        ASSERT_EQ(row.size(), table.columns.size());
    }
}

TEST(ExperimentTable, HasOneRowAPointAndShowsWhatVaries) {
    const MadeUpStudy study;
    const Table table = experiment_table(study.view, 0);
    expect_rectangular(table);
    EXPECT_EQ(table.rows.size(), study.view.rows_of(0).size());
    EXPECT_TRUE(has_column(table, "stage") && has_column(table, "impl") && has_column(table, "value_dim"));
    EXPECT_FALSE(has_column(table, "keys")) << "keys does not vary in this experiment";
}

TEST(ExperimentTable, NamesUnitsInRawColumnsAndKeepsFullPrecision) {
    const MadeUpStudy study;
    const Table table = experiment_table(study.view, 0);
    const lab::MetricValue& time = *study.view.rows[0].record->metric("time");
    EXPECT_EQ(table.rows[0][column(table, "time_s")].raw, time.value);
    EXPECT_EQ(table.rows[0][column(table, "time_low_s")].raw, time.low);
    EXPECT_EQ(table.rows[0][column(table, "time_high_s")].raw, time.high);
    EXPECT_TRUE(has_column(table, "rate_GFLOPps"));
    EXPECT_FALSE(has_column(table, "peak_GFLOPps")) << "not a headline metric";
}

TEST(ExperimentTable, GivesAReasonForEveryRowWithoutANumber) {
    const MadeUpStudy study;
    for (std::size_t experiment = 0; experiment < study.view.experiments.size(); ++experiment) {
        const Table table = experiment_table(study.view, experiment);
        for (const auto& row : table.rows) {
            const std::string status = row[column(table, "status")].text;
            EXPECT_EQ(row[column(table, "time_s")].raw.is_null(), status != "done");
            if (status != "done" && status != "not run") {
                EXPECT_FALSE(row[column(table, "reason")].text.empty()) << status;
            }
        }
    }
}

TEST(ExperimentTable, KeepsNamesAndUnitsOnANarrowTerminal) {
    const MadeUpStudy study;
    const std::string text = to_console(experiment_table(study.view, 1), {76, false});
    EXPECT_THAT(text, HasSubstr("GFLOP/s"));
    EXPECT_THAT(text, HasSubstr("einsum"));
    EXPECT_THAT(text, HasSubstr("±"));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("…")));
}

TEST(ExperimentTable, MarksMistrustedChecks) {
    const MadeUpStudy study;
    const Table table = experiment_table(study.view, 0);
    const auto mistrusted =
        std::ranges::count_if(table.rows, [&](const auto& row) { return row[column(table, "check")].text == "mistrusted"; });
    EXPECT_EQ(mistrusted, 1);
}

TEST(AllPointsTable, HoldsEveryPointOfEveryExperimentWithItsSettings) {
    const MadeUpStudy study;
    const Table table = all_points_table(study.view);
    expect_rectangular(table);
    EXPECT_EQ(table.rows.size(), study.view.rows.size());
    EXPECT_EQ(table.rows[0][column(table, "stage")].raw, "queries");
    EXPECT_EQ(table.rows.back()[column(table, "keys")].raw, 8192);
    EXPECT_EQ(table.rows.back()[column(table, "status")].text, "not run");
    EXPECT_THAT(to_console(table, {0, false}), HasSubstr("impl=fused mask=causal keys=8192"));
}

TEST(ComparisonTable, PutsPublishedValuesBesideOurs) {
    MadeUpStudy study;
    study.measure_noise(0.02, 0.04);
    const auto rows = lab::compare_by(study.store, study.view, "impl", "loop", "time");
    const Table table = comparison_table(study.view, rows, "impl", &study.figure(0, "speedup"));
    expect_rectangular(table);
    int published = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const nlohmann::json& value = table.rows[i][column(table, "published")].raw;
        if (rows[i].candidate == "broadcast") {
            ASSERT_TRUE(value.is_number()) << "row " << i;
            EXPECT_EQ(table.rows[i][column(table, "published_source")].raw, "the notebook");
            ++published;
        } else {
            EXPECT_TRUE(value.is_null()) << rows[i].candidate;
        }
        if (rows[i].judgement) {
            EXPECT_NEAR(table.rows[i][column(table, "ratio")].raw.get<double>() / testing::speed_of(rows[i].candidate), 1, 0.01);
            EXPECT_EQ(table.rows[i][column(table, "verdict")].text, "faster");
        }
    }
    EXPECT_EQ(published, 3);
}

TEST(ComparisonTable, SaysWhyARatioIsMissing) {
    const MadeUpStudy study;
    const auto rows = lab::compare_by(study.store, study.view, "impl", "loop", "time");
    const Table table = comparison_table(study.view, rows, "impl");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].judgement) {
            EXPECT_TRUE(table.rows[i][column(table, "ratio")].raw.is_null());
            EXPECT_FALSE(table.rows[i][column(table, "reason")].text.empty());
        }
    }
    EXPECT_THAT(to_console(table, {200, false}), HasSubstr("value_dim 20 is not a multiple of 8"));
}

TEST(ChecksTable, NamesReferenceBoundMeasuredAndHowToRepeat) {
    const MadeUpStudy study;
    const Table table =
        checks_table(*study.row(1, {{"mask", std::string("causal")}, {"impl", std::string("einsum")}, {"keys", std::int64_t{512}}}).record);
    ASSERT_EQ(table.rows.size(), 1u);
    EXPECT_EQ(table.rows[0][column(table, "reference")].text, "fp64 attention");
    EXPECT_EQ(table.rows[0][column(table, "measured")].raw, 3.1);
    EXPECT_EQ(table.rows[0][column(table, "bound")].raw, 2.0);
    EXPECT_EQ(table.rows[0][column(table, "status")].text, "failed");
    EXPECT_EQ(table.rows[0][column(table, "note")].text, "wrong sums");
    EXPECT_TRUE(has_column(table, "repro"));
}

TEST(ChecksTable, ListsARunThatTwoExperimentsShareOnce) {
    MadeUpStudy study;
    const std::size_t before = checks_table(study.view).rows.size();
    lab::ViewRow shared = study.view.rows.front();
    shared.experiment = 1;
    study.view.rows.push_back(shared);
    EXPECT_EQ(checks_table(study.view).rows.size(), before);
}

TEST(ShowJson, HasTheDocumentedForm) {
    const MadeUpStudy study;
    const nlohmann::json document = show_json(study.view);
    EXPECT_EQ(document.at("schema"), 1);
    EXPECT_EQ(document.at("study"), "demo");
    ASSERT_EQ(document.at("rows").size(), study.view.rows.size());
    const nlohmann::json& first = document["rows"][0];
    EXPECT_EQ(first.at("run"), study.view.rows[0].record->run);
    EXPECT_EQ(first.at("family"), "attention");
    EXPECT_EQ(first.at("point").at("impl"), "loop");
    EXPECT_EQ(first.at("point").at("keys"), 32);
    EXPECT_EQ(first.at("status"), "done");
    EXPECT_EQ(first.at("reason"), "");
    const nlohmann::json& check = first.at("checks").at(0);
    for (const char* key : {"name", "status", "measured", "bound", "unit", "repro"}) {
        EXPECT_TRUE(check.contains(key)) << key;
    }
    const nlohmann::json& metric = first.at("metrics").at(0);
    EXPECT_EQ(metric.at("name"), "time");
    EXPECT_EQ(metric.at("unit"), "s");
    EXPECT_EQ(metric.at("samples"), 40);
    EXPECT_LE(metric.at("low"), metric.at("value"));
    EXPECT_LE(metric.at("value"), metric.at("high"));
}

TEST(ShowJson, GivesPointsThatHaveNotRunANullRun) {
    const MadeUpStudy study;
    const nlohmann::json document = show_json(study.view);
    const nlohmann::json& last = document["rows"].back();
    EXPECT_TRUE(last.at("run").is_null());
    EXPECT_EQ(last.at("status"), "not run");
    EXPECT_TRUE(last.at("metrics").empty());
}

TEST(Words, NameUnitsInColumns) {
    EXPECT_EQ(name_with_unit("time", "s"), "time_s");
    EXPECT_EQ(name_with_unit("throughput", "GB/s"), "throughput_GBps");
    EXPECT_EQ(name_with_unit("count", ""), "count");
    EXPECT_EQ(name_with_unit("odd", "%"), "odd");
}

TEST(Words, GiveTheUnitOfAnIntervalOnceWhereBothEndsShareIt) {
    EXPECT_EQ(interval_text(497, 528, "GFLOP/s"), "497 – 528 GFLOP/s");
    EXPECT_EQ(interval_text(0.0009, 0.0011, "s"), "900 us – 1.10 ms");
    EXPECT_EQ(interval_text(1.52, 1.61, ""), "1.52 – 1.61");
}

TEST(Words, GiveRatiosEnoughDigitsToTellTheEndsApart) {
    EXPECT_EQ(times_text(1.2), "1.20×");
    EXPECT_EQ(times_text(209.7), "210×");
    EXPECT_EQ(ratio_interval(1.2, 1.369), "1.20 – 1.37");
    EXPECT_EQ(ratio_interval(209.6, 210.4), "209.6 – 210.4");
    EXPECT_EQ(ratio_interval(1, 1), "1.00 – 1.00");
    EXPECT_EQ(half_width_text(100, 97, 103), "±3 %");
}

TEST(Words, MatchNumbersOfEitherType) {
    const lab::Settings settings{{"keys", std::int64_t{32}}, {"impl", std::string("fused")}};
    EXPECT_TRUE(matches(settings, {{"keys", 32.0}}));
    EXPECT_TRUE(matches(settings, {}));
    EXPECT_FALSE(matches(settings, {{"keys", std::string("32")}}));
    EXPECT_FALSE(matches(settings, {{"mask", std::string("none")}}));
}

}  // namespace
}  // namespace plumb::report
