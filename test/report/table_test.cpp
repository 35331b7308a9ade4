// SPDX-License-Identifier: Apache-2.0
#include "report/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/text.h"

namespace plumb::report {
namespace {

Table two_rows() {
    Table table{"t",
                {{"impl", "impl"},
                 {"time_s", "time", Content::number},
                 {"status", "status", Content::status},
                 {"reason", "reason", Content::prose}},
                {}};
    table.rows.push_back({text_cell("fused"), number_cell(0.001234567890123, "1.23 ms"), status_cell("done"), Cell{}});
    table.rows.push_back({text_cell("a name that is rather long"), empty_cell(), status_cell("failed"),
                          text_cell("the output differs from its reference in many places")});
    return table;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines = base::split(text, '\n');
    lines.pop_back();
    return lines;
}

TEST(ConsoleTable, AlignsNumbersAtTheirRightEnd) {
    const std::vector<std::string> lines = lines_of(to_console(two_rows(), {0, false}));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1].find("done"), lines[0].find("status"));
    EXPECT_EQ(lines[0].find("time") + 4, lines[1].find("1.23 ms") + 7);
}

TEST(ConsoleTable, NeverExceedsTheTerminalWhereTextCanGiveWay) {
    for (int width = 45; width < 140; ++width) {
        for (const std::string& line : lines_of(to_console(two_rows(), {width, false}))) {
            EXPECT_LE(display_width(line), width) << "width " << width << ": " << line;
        }
    }
}

TEST(ConsoleTable, KeepsNumbersAndStatusWordsWholeOnTheNarrowestTerminal) {
    const std::string text = to_console(two_rows(), {5, false});
    EXPECT_THAT(text, testing::HasSubstr("1.23 ms"));
    EXPECT_THAT(text, testing::HasSubstr("failed"));
    EXPECT_THAT(text, testing::HasSubstr("reference"));
}

TEST(ConsoleTable, SaysTheSameWithoutColour) {
    const std::string plain = to_console(two_rows(), {0, false});
    std::string coloured = to_console(two_rows(), {0, true});
    EXPECT_EQ(plain.find('\x1b'), std::string::npos);
    ASSERT_NE(coloured.find('\x1b'), std::string::npos);
    for (std::size_t at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
        coloured.erase(at, coloured.find('m', at) - at + 1);
    }
    EXPECT_EQ(coloured, plain);
}

TEST(ConsoleTable, ShowsControlCharactersInsteadOfSendingThem) {
    Table table{"t", {{"name", "name"}}, {{text_cell("\x1b[2Jgone\r\x07 \xff")}}};
    const std::string text = to_console(table, {80, false});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\r'), std::string::npos);
    EXPECT_THAT(text, testing::HasSubstr("\\x1b[2Jgone"));
}

TEST(ConsoleTable, KeepsCommandsOnOneLine) {
    const std::string command = "plumb run attention impl=fused mask=causal keys=8192 --rerun all --experiment sweep";
    Table table{"t", {{"name", "name"}, {"again", "again", Content::command}}, {{text_cell("x"), text_cell(command)}}};
    EXPECT_THAT(to_console(table, {40, false}), testing::HasSubstr(command));
}

TEST(ConsoleTable, TakesTheBriefFormBeforeItCutsAName) {
    Table table{"t", {{"impl", "implementation"}, {"i", "95 % interval", Content::number, Audience::people, "±"}}, {}};
    Cell interval = text_cell("0.982 – 1.013 ms");
    interval.brief = "±1.5 %";
    table.rows.push_back({text_cell("einsum-direct"), interval});
    EXPECT_THAT(to_console(table, {60, false}), testing::HasSubstr("einsum-direct   0.982 – 1.013 ms"));
    EXPECT_THAT(to_console(table, {24, false}), testing::HasSubstr("einsum-direct   ±1.5 %"));
    EXPECT_THAT(to_console(table, {24, false}), testing::Not(testing::HasSubstr("95 %")));
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
    EXPECT_EQ(display_width("abc"), 3);
    EXPECT_EQ(display_width("–×µ"), 3);
    EXPECT_EQ(display_width("e\u0301"), 1);
    EXPECT_EQ(display_width("日本"), 4);
    EXPECT_EQ(display_width("\xff\xfe"), 2);
}

TEST(CsvTable, QuotesAsRfc4180Asks) {
    Table table{"t", {{"name", "name"}, {"note", "note"}}, {}};
    table.rows.push_back({text_cell("a,b"), text_cell("say \"no\"")});
    table.rows.push_back({text_cell("two\nlines"), Cell{}});
    EXPECT_EQ(to_csv(table), "name,note\r\n\"a,b\",\"say \"\"no\"\"\"\r\n\"two\nlines\",\r\n");
}

TEST(CsvTable, CarriesRawValuesThatReadBackExactly) {
    const double value = 0.1 + 0.2;
    Table table{
        "t", {{"x", "x", Content::number}}, {{number_cell(value, "0.3")}, {number_cell(std::numeric_limits<double>::quiet_NaN(), "nan")}}};
    const std::vector<std::string> lines = base::split(to_csv(table), '\n');
    EXPECT_EQ(std::stod(lines[1]), value);
    EXPECT_EQ(base::trim(lines[2]), "nan");
}

TEST(CsvTable, LeavesOutWhatIsForPeopleOnly) {
    Table table{"t", {{"low", "low", Content::number, Audience::programs}, {"interval", "95 %", Content::number, Audience::people}}, {}};
    table.rows.push_back({number_cell(1, "1"), text_cell("1 – 2")});
    EXPECT_EQ(to_csv(table), "low\r\n1.0\r\n");
    EXPECT_THAT(to_markdown(table), testing::Not(testing::HasSubstr("low")));
}

TEST(MarkdownTable, KeepsItsShapeWhateverTheCellsHold) {
    Table table{"t", {{"a|b", "a|b"}, {"n", "n", Content::number}}, {{text_cell("x|y\nz <b>"), number_cell(1, "1")}}};
    const std::vector<std::string> lines = lines_of(to_markdown(table));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1], "| --- | ---: |");
    EXPECT_EQ(lines[2], "| x\\|y z &lt;b> | 1 |");
}

TEST(JsonLinesTable, IsOneObjectALineInColumnOrderWithNullForEmpty) {
    const std::vector<std::string> lines = lines_of(to_json_lines(two_rows()));
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], R"({"impl":"fused","time_s":0.001234567890123,"status":"done","reason":null})");
    EXPECT_TRUE(nlohmann::json::parse(lines[1]).at("time_s").is_null());
}

}  // namespace
}  // namespace plumb::report
