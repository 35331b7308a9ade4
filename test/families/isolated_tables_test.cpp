// SPDX-License-Identifier: Apache-2.0
// Whatever the library in the child does, the parent gets its rows or an error.
#include "families/compression/isolated_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

#include "base/error.h"

namespace plumb::families::compression {
namespace {

using testing::HasSubstr;

enum class Fate { sound, aborts, crashes, runs_for_ever, leaves, throws_error, throws_other, eats_memory };

/// A table "numbers" of `rows` rows: number, half of it, its text, nothing. Meets its fate after the last row.
class FatedTables : public Tables {
  public:
    FatedTables(Fate fate, std::int64_t rows) : fate_(fate), rows_(rows) {}
    std::vector<std::string> names() const override { return {"numbers", "empty"}; }
    std::vector<Column> columns(const std::string& table) const override {
        if (table != "numbers") return {};
        return {{"n", false}, {"half", false}, {"text", true}, {"nothing", true}};
    }
    void read(const std::string& table, std::span<const std::string> columns,
              const std::function<void(std::span<const Cell>)>& row) const override {
        for (std::int64_t i = 0; table == "numbers" && i < rows_; ++i) {
            const std::string text(static_cast<std::size_t>(i % 5), static_cast<char>('a' + i % 26));
            const std::vector<Cell> cells = {i, static_cast<double>(i) / 2, std::string_view(text), std::monostate{}};
            row(std::span(cells).first(columns.size()));
        }
        meet_fate();
    }

  private:
    void meet_fate() const {
        volatile std::uint64_t counter = 0;
        if (fate_ == Fate::aborts) std::abort();
        if (fate_ == Fate::crashes) ::raise(SIGSEGV);
        if (fate_ == Fate::leaves) ::_exit(0);
        if (fate_ == Fate::throws_error) throw base::Error(base::ErrorKind::usage, "no such thing", "try another");
        if (fate_ == Fate::throws_other) throw std::runtime_error("out of ideas");
        while (fate_ == Fate::runs_for_ever) counter = counter + 1;
        std::vector<std::string> eaten;
        while (fate_ == Fate::eats_memory && eaten.size() < 400) eaten.emplace_back(std::size_t{16} << 20, 'x');
    }

    Fate fate_;
    std::int64_t rows_;
};

std::unique_ptr<Tables> fated(Fate fate, std::int64_t rows = 3) {
    return isolated("x.h5", [=] { return std::make_unique<FatedTables>(fate, rows); });
}

const std::vector<std::string> all_columns = {"n", "half", "text", "nothing"};

std::string failure(const Tables& tables) {
    try {
        tables.read("numbers", all_columns, [](std::span<const Cell>) {});
    } catch (const base::Error& error) {
        return std::string(name(error.kind())) + ": " + error.what() + " | " + error.hint();
    }
    return "no error";
}

TEST(IsolatedTables, AreTheTablesOfTheChildRowForRow) {
    // Enough for many frames.
    constexpr std::int64_t rows = 100'000;
    const auto tables = fated(Fate::sound, rows);
    EXPECT_THAT(tables->names(), testing::ElementsAre("numbers", "empty"));
    EXPECT_TRUE(tables->columns("empty").empty());
    ASSERT_EQ(tables->columns("numbers").size(), 4u);
    EXPECT_EQ(tables->columns("numbers")[2].name, "text");
    EXPECT_TRUE(tables->columns("numbers")[2].nullable);
    EXPECT_FALSE(tables->columns("numbers")[0].nullable);
    for (int again = 0; again < 2; ++again) {
        std::int64_t seen = 0;
        tables->read("numbers", all_columns, [&](std::span<const Cell> cells) {
            ASSERT_EQ(cells.size(), 4u);
            EXPECT_EQ(std::get<std::int64_t>(cells[0]), seen);
            EXPECT_EQ(std::get<double>(cells[1]), static_cast<double>(seen) / 2);
            EXPECT_EQ(std::get<std::string_view>(cells[2]).size(), static_cast<std::size_t>(seen % 5));
            EXPECT_TRUE(std::holds_alternative<std::monostate>(cells[3]));
            ++seen;
        });
        EXPECT_EQ(seen, rows);
    }
    tables->read("empty", {}, [](std::span<const Cell>) { FAIL() << "no rows"; });
}

TEST(IsolatedTables, AChildThatDiesInAnyWayIsAnErrorThatNamesTheFile) {
    for (const Fate fate : {Fate::aborts, Fate::crashes, Fate::leaves}) {
        EXPECT_THAT(failure(*fated(fate)), testing::StartsWith("failed: x.h5 is damaged")) << static_cast<int>(fate);
    }
}

TEST(IsolatedTables, AChildThatRunsForEverIsStopped) {
    EXPECT_THAT(failure(*fated(Fate::runs_for_ever)), testing::StartsWith("failed: x.h5 is damaged"));
}

TEST(IsolatedTables, AChildThatEatsMemoryIsStopped) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "a sanitizer's own reservations are above any limit";
#endif
    EXPECT_THAT(failure(*fated(Fate::eats_memory)), HasSubstr("failed: x.h5 is damaged"));
}

TEST(IsolatedTables, ErrorsComeBackAsTheyWere) {
    EXPECT_EQ(failure(*fated(Fate::throws_error)), "usage: no such thing | try another");
    EXPECT_THAT(failure(*fated(Fate::throws_other)), HasSubstr("gave up with out of ideas"));
    const auto tables = fated(Fate::throws_error);
    EXPECT_EQ(failure(*tables), failure(*tables)) << "and the child goes on";
    EXPECT_THROW(isolated("x.h5", []() -> std::unique_ptr<Tables> { throw base::Error(base::ErrorKind::missing, "gone"); }), base::Error);
}

TEST(IsolatedTables, WhatTheReaderThrowsPassesThrough) {
    const auto tables = fated(Fate::sound, 100'000);
    EXPECT_THROW(tables->read("numbers", all_columns, [](std::span<const Cell>) { throw std::logic_error("enough"); }), std::logic_error);
}

}  // namespace
}  // namespace plumb::families::compression
