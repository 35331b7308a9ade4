// SPDX-License-Identifier: Apache-2.0
// Claims about text helpers.
#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/error.h"

namespace plumb::base {
namespace {

using Parts = std::vector<std::string>;

TEST(Trim, RemovesBlanksAtBothEndsOnly) {
    EXPECT_EQ(trim("  a b\t\n"), "a b");
    EXPECT_EQ(trim(" \t "), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Split, KeepsEmptyParts) {
    EXPECT_EQ(split("a,,b", ','), (Parts{"a", "", "b"}));
    EXPECT_EQ(split("", ','), (Parts{""}));
    EXPECT_EQ(split(",", ','), (Parts{"", ""}));
}

TEST(Split, IsUndoneByJoin) {
    for (const std::string text : {"", "a", "a,b", ",a,,b,", "a b,c"}) EXPECT_EQ(join(split(text, ','), ","), text);
}

TEST(SplitOutsideBrackets, SeesOnlyTopLevelSeparators) {
    EXPECT_EQ(split_outside_brackets("(a,1),(b,2)", ','), (Parts{"(a,1)", "(b,2)"}));
    EXPECT_EQ(split_outside_brackets("[(a,b),c],d", ','), (Parts{"[(a,b),c]", "d"}));
    EXPECT_EQ(split_outside_brackets("'a,b',\"c,)\"", ','), (Parts{"'a,b'", "\"c,)\""}));
    EXPECT_EQ(split_outside_brackets("", ','), (Parts{""}));
}

TEST(SplitOutsideBrackets, RefusesWhatIsNotClosed) {
    for (const std::string text : {"(a", "a)", "(a]", "[(a])", "'a", "a\"b"}) {
        try {
            split_outside_brackets(text, ',');
            FAIL() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos);
        }
    }
}

TEST(EditDistance, CountsKnownPairs) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);  // Levenshtein's textbook pair
    EXPECT_EQ(edit_distance("form", "from"), 1u);       // neighbours swapped
    EXPECT_EQ(edit_distance("keys", "kyes"), 1u);
    EXPECT_EQ(edit_distance("abc", "abc"), 0u);
}

TEST(EditDistance, IsSymmetricAndNeverAboveTheLongerLength) {
    std::mt19937 random(7);
    RecordProperty("seed", 7);
    for (int round = 0; round < 200; ++round) {
        std::string a(random() % 7, ' '), b(random() % 7, ' ');
        for (char& letter : a) letter = static_cast<char>('a' + random() % 3);
        for (char& letter : b) letter = static_cast<char>('a' + random() % 3);
        EXPECT_EQ(edit_distance(a, b), edit_distance(b, a)) << a << ' ' << b;
        EXPECT_LE(edit_distance(a, b), std::max(a.size(), b.size()));
        EXPECT_EQ(edit_distance(a, b) == 0, a == b);
    }
}

TEST(Nearest, FindsTheLikelyMeaning) {
    const Parts names = {"queries", "keys", "head_dim", "impl"};
    EXPECT_EQ(nearest("kesy", names), "keys");
    EXPECT_EQ(nearest("headdim", names), "head_dim");
    EXPECT_EQ(nearest("IMPL", names), "impl");
    EXPECT_EQ(nearest("codec", names), "");
    EXPECT_EQ(nearest("x", {}), "");
}

TEST(Nearest, PrefersTheSmallerDistance) {
    const Parts names = {"batches", "batch"};
    EXPECT_EQ(nearest("batc", names), "batch");
}

TEST(Suggest, NamesTheMeantAndAllAllowed) {
    const Parts names = {"loop", "fused"};
    EXPECT_EQ(suggest("fusde", names), "did you mean 'fused'? allowed: loop, fused");
    EXPECT_EQ(suggest("quantum", names), "allowed: loop, fused");
    EXPECT_EQ(suggest("quantum", {}), "");
}

TEST(ShellQuote, QuotesOnlyWhereNeeded) {
    EXPECT_EQ(shell_quote("impl=fused,loop"), "impl=fused,loop");
    EXPECT_EQ(shell_quote("keys=32..64*2"), "'keys=32..64*2'");
    EXPECT_EQ(shell_quote(""), "''");
}

TEST(ShellQuote, SurvivesARealShell) {
    for (const std::string word : {"it's", "a b", "$HOME", "(a,1)", "\"q\"", "x;y", "back\\slash", "~", "*", "''", "plain"}) {
        // `test` compares the quoted word with the same text given through the environment, which no shell rule touches.
        ASSERT_EQ(setenv("PLUMB_TEST_WORD", word.c_str(), 1), 0);
        const std::string line = "test " + shell_quote(word) + " = \"$PLUMB_TEST_WORD\"";
        EXPECT_EQ(std::system(line.c_str()), 0) << line;
    }
}

}  // namespace
}  // namespace plumb::base
