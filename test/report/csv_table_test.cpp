// SPDX-License-Identifier: Apache-2.0
#include "report/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace plumb::report {
namespace {

using ::testing::ElementsAre;

TEST(CsvTable, ReadsBackWhatToCsvWrites) {
    Table table{"t", {{"name", "name"}, {"value", "value", Content::number}}, {}};
    table.rows.push_back({text_cell("plain"), number_cell(0.25, "0.25")});
    table.rows.push_back({text_cell("a \"quoted\", word\nover two lines"), number_cell(-3, "-3")});
    table.rows.push_back({text_cell("nothing"), empty_cell()});
    const Table again = csv_table("t", to_csv(table));
    EXPECT_EQ(to_csv(again), to_csv(table));
    EXPECT_EQ(again.columns[1].content, Content::number);
}

TEST(CsvTable, RowsOfCells) {
    EXPECT_THAT(read_csv("a,b\r\n,\n\"x\"\"y\",\"\"\n"), ElementsAre(ElementsAre("a", "b"), ElementsAre("", ""), ElementsAre("x\"y", "")));
    EXPECT_THROW(read_csv("a,\"b\n"), base::Error);
    EXPECT_TRUE(csv_table("t", "").columns.empty());
}

TEST(CsvTable, AColumnWithOneWordIsNoColumnOfNumbers) {
    const Table table = csv_table("t", "a,b\n1,1\nx,2\n,\n");
    EXPECT_EQ(table.columns[0].content, Content::text);
    EXPECT_EQ(table.columns[1].content, Content::number);
}

}  // namespace
}  // namespace plumb::report
