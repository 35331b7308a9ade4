// SPDX-License-Identifier: Apache-2.0
#include "report/figure_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "report/made_up_study.h"

namespace plumb::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MadeUpStudy;

TEST(FigureData, OfRatiosIsPairedAndFindsTheTrueRatio) {
    MadeUpStudy study;
    study.measure_noise(0.02, 0.04);
    const FigureData data = figure_data(study.store, study.view, 0, study.figure(0, "speedup"));
    int compared = 0;
    for (const FigureRow& row : data.rows) {
        EXPECT_NE(row.colour, "loop") << "the baseline has no bar";
        if (row.y) {
            ASSERT_TRUE(row.judgement);
            EXPECT_TRUE(row.judgement->paired);
            EXPECT_LE(*row.low, *row.y);
            EXPECT_GE(*row.high, *row.y);
            EXPECT_NEAR(*row.y / testing::speed_of(row.colour), 1, 0.01);
            ++compared;
        }
    }
    EXPECT_EQ(compared, 12);
}

TEST(FigureData, TheFrontIsWhatNothingElseInItsCellBeatsInBoth) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");
    figure.mark = lab::Mark::front;
    figure.x = "time";  // lower is better
    const FigureData data = figure_data(study.store, study.view, 1, figure);
    int on_front = 0;
    for (const FigureRow& row : data.rows) {
        bool beaten = !row.y || !row.x_number;
        for (const FigureRow& other : data.rows) {
            if (beaten || !other.y || other.column != row.column || other.row != row.row) continue;
            beaten = *other.x_number <= *row.x_number && *other.y >= *row.y && (*other.x_number < *row.x_number || *other.y > *row.y);
        }
        EXPECT_EQ(row.on_front, !beaten);
        on_front += row.on_front;
    }
    EXPECT_GT(on_front, 0);
}

TEST(FigureData, OfATableDrawsEveryRowOfEveryRunAndSaysWhereThereIsNone) {
    const MadeUpStudy study;
    std::size_t with_table = 0, without = 0;
    for (const lab::ViewRow* row : study.view.rows_of(0)) {
        if (row->status() != "done") continue;
        if (with_table == 2) {
            ++without;
            continue;
        }
        ++with_table;
        const auto folder = study.store.run_folder(*row->record) / "artifacts";
        std::filesystem::create_directories(folder);
        base::write_file(folder / "curves.csv", "round,model,time,time_low,time_high\n0,joint,2,1,3\n0,\"view, 0\",4,,\n1,joint,,,\n");
    }
    lab::Figure figure = study.figure(0, "speedup");
    figure.relative = std::nullopt;
    figure.mark = lab::Mark::lines;
    figure.table = "curves";
    figure.x = "round";
    figure.y = "time";
    figure.colour = "model";
    const FigureData data = figure_data(study.store, study.view, 0, figure);
    EXPECT_TRUE(data.x_is_number);
    EXPECT_EQ(data.y_unit, "s") << "a column named like a metric has its unit";
    EXPECT_THAT(data.colours, ElementsAre("joint", "view, 0"));
    std::size_t drawn = 0, missing = 0;
    for (const FigureRow& row : data.rows) {
        missing += row.reason == "this run left no curves.csv";
        if (!row.y) continue;
        ++drawn;
        const bool joint = row.colour == "joint";
        EXPECT_EQ(*row.x_number, 0);
        EXPECT_EQ(*row.y, joint ? 2 : 4);
        EXPECT_EQ(*row.low, joint ? 1 : 4);
        EXPECT_EQ(*row.high, joint ? 3 : 4);
    }
    EXPECT_EQ(drawn, 2 * with_table) << "a row without a number is no point";
    EXPECT_EQ(missing, without);
    const Table table = figure_table(data);
    EXPECT_NE(std::ranges::find(table.columns, "model", &Column::name), table.columns.end());
    figure.y = "no-such-column";
    EXPECT_FALSE(figure_data(study.store, study.view, 0, figure).has_numbers());
}

TEST(FigureData, OfATableNamesALineByASettingAndWhatElseVaries) {
    const MadeUpStudy study;
    for (const lab::ViewRow* row : study.view.rows_of(1)) {
        if (row->status() != "done") continue;
        const auto folder = study.store.run_folder(*row->record) / "artifacts";
        std::filesystem::create_directories(folder);
        base::write_file(folder / "curves.csv", "round,time\n0,2\n1,3\n");
    }
    lab::Figure figure = study.figure(1, "throughput");
    figure.table = "curves";
    figure.x = "round";
    figure.y = "time";
    figure.colour = "impl";
    figure.facet_column = "mask";
    figure.where = {{"keys", std::int64_t{64}}};
    const FigureData data = figure_data(study.store, study.view, 1, figure);
    EXPECT_THAT(data.columns, ElementsAre("mask: none", "mask: causal"));
    EXPECT_TRUE(data.row_facets.empty());
    EXPECT_TRUE(std::ranges::find(data.colours, "fused, keys 64") != data.colours.end()) << data.colours.front();
}

TEST(FigureData, AMeanIsOfAllPointsAtItsPlaceAndReachesFromTheSmallestToTheLargest) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");
    figure.mark = lab::Mark::bars;
    figure.x = "impl";
    figure.colour.clear();
    figure.facet_column = "mask";
    figure.mean = true;
    const FigureData data = figure_data(study.store, study.view, 1, figure);
    for (const FigureRow& row : data.rows) {
        double sum = 0, count = 0, low = 1e300, high = 0;
        for (const lab::ViewRow* from : study.view.rows_of(1)) {
            const bool here = lab::format(*lab::find(from->point.settings, "impl")) == row.x &&
                              "mask: " + lab::format(*lab::find(from->point.settings, "mask")) == row.column;
            if (!here || from->status() != "done") continue;
            const double value = from->record->metric(figure.y)->value;
            sum += value, ++count, low = std::min(low, value), high = std::max(high, value);
        }
        ASSERT_TRUE(row.y);
        EXPECT_NEAR(*row.y, sum / count, 1e-9 * sum);
        EXPECT_EQ(*row.low, low);
        EXPECT_EQ(*row.high, high);
    }
    EXPECT_EQ(data.rows.size(), 2 * data.xs.size()) << "a row for every place";
    EXPECT_EQ(interval_name(data), "smallest to largest");
}

TEST(FigureData, OfAGridHasACellForEveryRowWhateverItsWords) {
    const MadeUpStudy study;
    const lab::Record& record = *study.view.rows_of(0).front()->record;
    std::filesystem::create_directories(study.store.run_folder(record) / "artifacts");
    base::write_file(study.store.run_folder(record) / "artifacts/confused.csv",
                     "truth,predicted,per_cent\n0,0,90\n0,glass,10\nglass,0,0\nglass,glass,100\n");
    lab::Figure figure;
    figure.name = "confusion";
    figure.table = "confused";
    figure.mark = lab::Mark::grid;
    figure.x = "predicted";
    figure.y = "per_cent";
    figure.colour = "truth";
    const FigureData data = figure_data(study.store, study.view, 0, figure);
    EXPECT_FALSE(data.x_is_number);
    EXPECT_THAT(data.xs, ElementsAre("0", "glass"));
    EXPECT_THAT(data.colours, ElementsAre("0", "glass"));
    std::vector<std::string> cells;
    for (const FigureRow& row : data.rows) {
        if (row.y) cells.push_back(row.colour + " as " + row.x + ": " + std::to_string(static_cast<int>(*row.y)));
    }
    EXPECT_THAT(cells, ElementsAre("0 as 0: 90", "0 as glass: 10", "glass as 0: 0", "glass as glass: 100"));
    const Table table = figure_table(data);
    for (const char* name : {"truth", "predicted", "per_cent"})
        EXPECT_NE(std::ranges::find(table.columns, name, &Column::name), table.columns.end()) << name;
}

TEST(FigureData, KeepsPointsWithoutANumberAndSaysWhy) {
    const MadeUpStudy study;
    const FigureData data = figure_data(study.store, study.view, 1, study.figure(1, "throughput"));
    std::set<std::string> reasons;
    for (const FigureRow& row : data.rows) {
        EXPECT_EQ(row.y.has_value(), row.status == "done");
        if (!row.y) {
            reasons.insert(row.status + ": " + row.reason);
        }
    }
    EXPECT_EQ(reasons.size(), 3u);
    EXPECT_TRUE(reasons.contains("timeout: no end after 5 s"));
    EXPECT_EQ(data.rows.size(), 54u);
}

TEST(FigureData, BlamesTheBaselineWhereItHasNoNumber) {
    MadeUpStudy study;
    lab::Record& loop = *study.row(0, {{"stage", std::string("heads")}, {"impl", std::string("loop")}}).record;
    loop.status = lab::Status::failed;
    loop.reason = "ran out of memory";
    const FigureData data = figure_data(study.store, study.view, 0, study.figure(0, "speedup"));
    for (const FigureRow& row : data.rows) {
        if (row.column == "stage: heads") {
            EXPECT_FALSE(row.y);
            EXPECT_THAT(row.reason, HasSubstr("impl=loop"));
            EXPECT_THAT(row.reason, HasSubstr("ran out of memory"));
        }
    }
}

TEST(FigureData, SaysSoWhenTheBaselineIsNoValueOfTheStudy) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(0, "speedup");
    figure.relative->baseline = "nobody";
    const FigureData data = figure_data(study.store, study.view, 0, figure);
    EXPECT_FALSE(data.has_numbers());
    for (const FigureRow& row : data.rows) {
        EXPECT_FALSE(row.reason.empty());
    }
}

TEST(FigureData, GivesEveryPointAPlaceOfItsOwn) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");
    figure.facet_column.clear();  // mask varies, but the figure does not say where it goes
    const FigureData data = figure_data(study.store, study.view, 1, figure);
    std::set<std::string> places;
    for (const FigureRow& row : data.rows) {
        EXPECT_TRUE(places.insert(row.x + "|" + row.colour + "|" + row.column + "|" + row.row).second) << row.x << " " << row.colour;
    }
    EXPECT_THAT(data.columns, ElementsAre("mask: none", "mask: causal"));
}

TEST(FigureData, NamesTheOddOneInItsCategoryRatherThanMakingAnEmptyGrid) {
    const MadeUpStudy study;
    const FigureData data = figure_data(study.store, study.view, 0, study.figure(0, "speedup"));
    EXPECT_TRUE(data.row_facets.empty());
    EXPECT_EQ(data.xs.back(), "fused, value_dim 20");
}

TEST(FigureData, FindsPublishedValuesByTheirSettings) {
    const MadeUpStudy study;
    const FigureData data = figure_data(study.store, study.view, 0, study.figure(0, "speedup"));
    for (const FigureRow& row : data.rows) {
        EXPECT_EQ(row.published.has_value(), row.colour == "broadcast");
        if (row.published && row.column == "stage: batch") {
            EXPECT_EQ(*row.published, 51.3);
            EXPECT_EQ(row.published_source, "the notebook");
        }
    }
}

TEST(FigureData, TakesTheMedianOfTheReference) {
    const MadeUpStudy study;
    const FigureData data = figure_data(study.store, study.view, 1, study.figure(1, "throughput"));
    ASSERT_TRUE(data.reference);
    EXPECT_EQ(*data.reference, 136);
    EXPECT_EQ(data.reference_text, "measured peak 136 GFLOP/s");
}

TEST(FigureData, DrawsOnlyPointsThatTheFigureAsksFor) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");
    figure.where = {{"mask", std::string("none")}, {"impl", std::string("sdpa")}};
    const FigureData data = figure_data(study.store, study.view, 1, figure);
    EXPECT_EQ(data.rows.size(), 9u);
    EXPECT_THAT(data.colours, ElementsAre("sdpa"));
    EXPECT_TRUE(data.columns.empty()) << "one facet needs no header";
}

TEST(FigureData, SetsRepeatsApart) {
    MadeUpStudy study;
    const lab::Settings wanted{{"mask", std::string("none")}, {"impl", std::string("fused")}, {"keys", std::int64_t{64}}};
    lab::ViewRow again = study.row(1, wanted);
    again.point.repeat = 1;
    study.view.rows.push_back(again);
    const FigureData data = figure_data(study.store, study.view, 1, study.figure(1, "throughput"));
    EXPECT_TRUE(data.has_repeats);
    EXPECT_TRUE(std::ranges::any_of(data.rows, [](const FigureRow& row) { return row.repeat == 1; }));
}

TEST(FigureTable, HasTheDrawnNumbersAndTheReasons) {
    const MadeUpStudy study;
    const FigureData data = figure_data(study.store, study.view, 1, study.figure(1, "throughput"));
    const Table table = figure_table(data);
    ASSERT_EQ(table.rows.size(), data.rows.size());
    for (const auto& row : table.rows) {
        ASSERT_EQ(row.size(), table.columns.size());
    }
    const std::string csv = to_csv(table);
    EXPECT_THAT(csv, HasSubstr("impl,mask,keys,rate_GFLOPps,rate_low_GFLOPps,rate_high_GFLOPps,status,check,reason,run\r\n"));
    EXPECT_THAT(csv, HasSubstr("no end after 5 s"));
}

TEST(FigureTable, ShowsTheBestOfEachValueInTheOrderOfSettings) {
    const MadeUpStudy study;
    lab::Figure figure = study.figure(1, "throughput");  // a rate: more is better
    figure.best_of = "impl";
    const Table table = figure_table(figure_data(study.store, study.view, 1, figure));
    std::map<std::string, double> best;
    std::set<std::string> told;
    std::string last;
    for (const auto& row : table.rows) {
        EXPECT_LE(last, row[0].text);
        last = row[0].text;
        if (row[3].raw.is_number()) best[last] = std::max(best[last], row[3].raw.get<double>());
    }
    for (const auto& row : table.rows) {
        if (row[3].tone != Tone::best) continue;
        EXPECT_TRUE(told.insert(row[0].text).second) << "one of each";
        EXPECT_EQ(row[3].raw.get<double>(), best[row[0].text]);
    }
    EXPECT_EQ(told.size(), best.size());
    EXPECT_THAT(to_markdown(table), HasSubstr(" **"));
}

}  // namespace
}  // namespace plumb::report
