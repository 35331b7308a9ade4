// SPDX-License-Identifier: Apache-2.0
#include "families/compression/foreign_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "families/compression/family.h"
#include "families/compression/results_csv.h"
#include "lab/view.h"
#include "temporary_folder.h"

namespace plumb::families::compression {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t notebook_bytes = 524'288'000;
constexpr const char* table =
    "Standard,File,chunks,decompression_throughput_GBps,compression_throughput_GBps,ratio\n"
    "bitcomp,500mb_dickens,131072,66.7744,123.9354,1.1863\n"
    "zstd,mine.bin,2048,0.4522,0.1020,6.5364\n"
    "zstd,500mb_xml,512,,0.0722,6.7145\n";

class Import : public ::testing::Test {
  protected:
    lab::ForeignSummary store_rows(const std::vector<ImportedRow>& imported, const std::string& study = "imported") {
        std::vector<lab::ForeignRow> rows;
        for (const ImportedRow& row : imported) rows.push_back(foreign_row(row, {notebook_bytes, "compute_warps"}));
        lab::ForeignStudy target;
        target.study = study;
        target.family = "compression";
        target.argv = {"plumb", "import", "results.csv", "--device", "an A100"};
        target.derive = derive;
        return lab::store_foreign(store, {make_family()}, target, rows);
    }
    static std::vector<ImportedRow> from_csv(const std::string& device) { return parse_results_csv(table, {notebook_bytes, device}); }
    /// What an export would say of the first cell of the table.
    static ImportedRow utilisation_row() {
        ImportedRow row;
        row.source = "output_bitcomp_500mb_dickens_131072threads.h5";
        row.device = "A100";
        row.codec = "bitcomp";
        row.file = "500mb_dickens";
        row.chunk_bytes = 4000;
        row.status = lab::Status::done;
        row.metrics = {{"compress_compute_warps", "share", 0.04, 0.03, 0.05, 12, ""},
                       {"compress_compute_warps_resolution", "share", 0.01, 0.01, 0.01, 12, ""},
                       {"decompress_compute_warps", "share", std::nan(""), std::nan(""), std::nan(""), 0, "no data: no sample"}};
        return row;
    }
    static double value(const lab::ViewRow& row, const std::string& name) {
        const lab::MetricValue* metric = row.record->metric(name);
        EXPECT_NE(metric, nullptr) << name;
        return metric == nullptr ? 0 : metric->value;
    }

    test::TemporaryFolder folder;
    lab::Store store{folder.path()};
};

TEST_F(Import, ATableBecomesRunsThatSayWhatTheyAre) {
    const lab::ForeignSummary summary = store_rows(from_csv("A100"));
    EXPECT_EQ(summary.added, 3u);
    EXPECT_EQ(summary.joined, 0u);
    const lab::StudyView view = lab::load_view(store, "imported");
    ASSERT_EQ(view.rows.size(), 3u);
    EXPECT_TRUE(view.damaged.empty());
    EXPECT_EQ(view.command, "plumb import results.csv --device 'an A100'");
    const lab::ViewRow& first = view.rows[0];
    EXPECT_EQ(first.status(), "done");
    EXPECT_TRUE(first.record->mistrusted()) << "nobody compared the output";
    EXPECT_DOUBLE_EQ(value(first, "compress_throughput"), 123.9354e9);
    EXPECT_DOUBLE_EQ(value(first, "ratio"), 1.1863);
    EXPECT_GT(value(first, "break_even"), 0);
    EXPECT_EQ(*lab::find(first.point.settings, "chunk"), lab::Value(std::int64_t{4000}));
    EXPECT_EQ(*lab::find(first.point.settings, "file"), lab::Value(std::string("silesia/dickens")));
    EXPECT_EQ(*lab::find(first.point.settings, "repeat_to"), lab::Value(notebook_bytes));
    EXPECT_EQ(*lab::find(view.rows[1].point.settings, "file"), lab::Value(std::string("mine.bin"))) << "a name that nobody knows stays";
    EXPECT_EQ(view.rows[2].status(), "failed");
    EXPECT_THAT(view.rows[2].reason(), HasSubstr("decompression_throughput_GBps"));
}

TEST_F(Import, ThroughputsAndUtilisationOfOneCellMeet) {
    store_rows(from_csv("A100"));
    const lab::ForeignSummary summary = store_rows({utilisation_row()});
    EXPECT_EQ(summary.joined, 1u);
    const lab::StudyView view = lab::load_view(store, "imported");
    ASSERT_EQ(view.rows.size(), 3u) << "the same cell is the same point";
    const lab::ViewRow& both = view.rows[0];
    EXPECT_DOUBLE_EQ(value(both, "compress_throughput"), 123.9354e9);
    EXPECT_DOUBLE_EQ(value(both, "compress_utilisation"), 0.04);
    EXPECT_DOUBLE_EQ(value(both, "utilisation_floor"), 0.01);
    const lab::MetricValue* quotient = both.record->metric("compress_per_utilisation");
    ASSERT_NE(quotient, nullptr);
    EXPECT_DOUBLE_EQ(quotient->value, 123.9354e9 / 0.04);
    EXPECT_DOUBLE_EQ(quotient->low, 123.9354e9 / 0.05) << "the interval of the utilisation carries over";
    EXPECT_EQ(both.record->metric("decompress_utilisation"), nullptr) << "no data is no number";
    EXPECT_THAT(both.record->checks.front().note, HasSubstr("no data"));
}

TEST_F(Import, DevicesStandSideBySide) {
    store_rows(from_csv("A100"));
    const lab::ForeignSummary summary = store_rows(from_csv("RTX 3050 Ti"));
    EXPECT_EQ(summary.added, 3u);
    const lab::StudyView view = lab::load_view(store, "imported");
    EXPECT_EQ(view.rows.size(), 6u);
    EXPECT_THAT(view.experiments.front().varying, ::testing::Contains("device"));
}

TEST_F(Import, TheSameTableTwiceChangesNothing) {
    store_rows(from_csv("A100"));
    const lab::ForeignSummary again = store_rows(from_csv("A100"));
    EXPECT_EQ(again.added, 0u);
    EXPECT_EQ(again.joined, 3u);
    const lab::StudyView view = lab::load_view(store, "imported");
    EXPECT_EQ(view.rows.size(), 3u);
    EXPECT_EQ(view.rows[2].status(), "failed");
}

TEST_F(Import, ARefusalNamesTheRowAndWritesNothing) {
    std::vector<ImportedRow> rows = from_csv("A100");
    rows[1].codec = "zstf";
    try {
        store_rows(rows);
        FAIL() << "took an unknown codec";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), HasSubstr("line 3"));
        EXPECT_THAT(error.hint(), HasSubstr("zstd"));
    }
    EXPECT_FALSE(store.has_study("imported"));
    rows = from_csv("A100");
    rows[0].chunk_bytes = 0;
    EXPECT_THROW(store_rows(rows), base::Error);
}

TEST(ImportedMetrics, AreAllDeclaredOnce) {
    std::vector<std::string> names;
    for (const lab::Metric& metric : make_family()->metrics()) names.push_back(metric.name);
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

}  // namespace
}  // namespace plumb::families::compression
