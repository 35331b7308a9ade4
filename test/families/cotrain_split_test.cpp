// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "families/cotrain/python_random.h"
#include "families/cotrain/split.h"

namespace plumb::families::cotrain {
namespace {

/// `sizes[c]` samples of class c, in turns.
TwoViews made_of(const std::vector<int>& sizes, int groups = 0) {
    TwoViews data;
    for (std::size_t c = 0; c < sizes.size(); ++c) {
        data.classes.push_back(std::to_string(c));
        data.truth.insert(data.truth.end(), sizes[c], static_cast<std::int32_t>(c));
    }
    std::shuffle(data.truth.begin(), data.truth.end(), std::mt19937(3));
    for (std::size_t i = 0; groups > 0 && i < data.truth.size(); ++i) data.group.push_back(static_cast<std::int32_t>(i % groups));
    return data;
}

std::int64_t of_class(const TwoViews& data, const std::vector<Sample>& samples, std::int32_t label) {
    return std::ranges::count_if(samples, [&](Sample sample) { return data.truth[sample] == label; });
}

std::string digest(const std::vector<Sample>& samples) {
    std::string text;
    for (const Sample sample : samples) text += (text.empty() ? "" : ",") + std::to_string(sample);
    return base::sha256_hex(text);
}

struct NotebookSplit {
    std::int64_t samples;
    std::uint64_t seed;
    std::array<std::size_t, 4> sizes;
    std::array<const char*, 4> digests;  ///< SHA-256 of train, validation, test, unlabelled, in order, with commas
};

// Made by the notebook's train_test_split_samples() under CPython 3.11.7.
const NotebookSplit notebook_splits[] = {
    {4303,
     13,
     {754, 107, 215, 3227},
     {"2b9c6fa53ed617d9afb059c5e2f7a5888fe0ba329a1847b21f924ba47315187f",
      "de726062a183b3a72b5c9b48f04e7d30e6ba303cc3f73ee6ce0ca6bf0088aec7",
      "a45214b68c62fb797acf063de349ec57eb2beda443a464dce38261edecf6cf08",
      "0e3ff36bffc97c3d2a67eb24eaf9a9d7874bffde89155c367f52d0d6ae6eadb9"}},
    {1797,
     13,
     {315, 45, 90, 1347},
     {"3b8b1e9185086919d8d03d260c63641c389d3860a37fa7a01e9df5f3406e3d9e",
      "5bf4a48f2997f03686e151e99b066032196da11fc1fa647e5ed027092159b401",
      "7aaabe4fb4390dda45a7ba990673f279d6d554f81040cefbf890a9c8b91d440c",
      "546e0677efc6b2e8a3186ded4864933685cb135a93eef9362c38671959dba4b4"}},
    {1051,
     7,
     {185, 26, 52, 788},
     {"fa18263d9d548fe76f275c8bf64b7c87ab0db66aee04754f377c1bab3e51a210",
      "517c7e32b1121ef59be2ba1c0eb3fbc4c1ee9b281413a2b9abe14da4bf4af0b6",
      "c0fd5ec88b75c3f1b728381f850da4e58c42c72839c119e4c7b20c3b58ce0255",
      "0aee6db3e90c53a6cabca82519302499a7bc68fb432b628dd64fbbde77e05e76"}},
    {50,
     13,
     {10, 1, 2, 37},
     {"283154572041a0ab64da598b2df834b22325f95c3635680ae7c4196c88599ead",
      "6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918",
      "d2f4c5fb9f304b410ef8ce1524246dd9fa280f52707498030c83e822f81be911",
      "23722e956ccbb20605e57e8adf19fb47a9a2eeff7742e4b618ccec4637cafcab"}},
    {4303,
     (std::uint64_t{1} << 40) + 5,
     {754, 107, 215, 3227},
     {"24b4cd2b8c5fef4dcbc07a4f13aec8f16137f5bc05ded0ad40438bbb30dc2b2d",
      "6d14e800d83b80c9325916334bde41496b6b050260aa8fd497ab314e11b891ef",
      "c418094672b991e2fecfcf1cfaea124bf31293ea986abca17a844e4153d14af7",
      "970473c7abecb72edbb529dbbf1c86b1e563eb6fd377e4c10c239107f6748ee2"}},
};

TEST(CotrainSplit, SeedReproducesPythonsSampleAndSetOrderNumberForNumber) {
    for (const NotebookSplit& expected : notebook_splits) {
        SCOPED_TRACE(std::to_string(expected.samples) + " samples, seed " + std::to_string(expected.seed));
        const TwoViews data = made_of({static_cast<int>(expected.samples)});
        SplitRequest request;
        request.rule = SplitRule::seed;
        const Split split = make_split(data, request, expected.seed, 0);
        const std::array<const std::vector<Sample>*, 4> sets = {&split.labelled, &split.validation, &split.test, &split.pool};
        for (std::size_t i = 0; i < sets.size(); ++i) {
            EXPECT_EQ(sets[i]->size(), expected.sizes[i]);
            EXPECT_EQ(digest(*sets[i]), expected.digests[i]);
        }
        EXPECT_EQ(misplaced(split, split.pool, {}, {}, data.samples()), 0);
    }
}

TEST(CotrainSplit, TheFirstSetOfTheNotebookWalksTheHashTable) {
    std::vector<std::int32_t> drawn = PythonRandom(13).sample(4303, 3227);
    const std::vector<std::int32_t> rest = python_set_difference(4303, drawn);
    EXPECT_THAT(std::vector(rest.begin(), rest.begin() + 5), ::testing::ElementsAre(0, 4096, 5, 2054, 4104));
}

TEST(CotrainSplit, StratifiedGivesEveryClassItsCountsAndLosesNobody) {
    const TwoViews data = made_of({200, 100, 50});
    SplitRequest request;
    request.labels = {4, 2, 1};
    request.validation = 3;
    for (std::int64_t index = 0; index < 20; ++index) {
        const Split split = make_split(data, request, 5, index);
        for (const std::int32_t label : {0, 1, 2}) {
            EXPECT_EQ(of_class(data, split.labelled, label), request.labels[label]);
            EXPECT_EQ(of_class(data, split.validation, label), 3);
        }
        EXPECT_EQ(of_class(data, split.test, 0), 40);
        EXPECT_EQ(of_class(data, split.test, 1), 20);
        EXPECT_EQ(of_class(data, split.test, 2), 10);
        EXPECT_EQ(misplaced(split, split.pool, {}, {}, data.samples()), 0);
    }
}

TEST(CotrainSplit, IndexAndSeedGiveOtherSplitsAndTheSameAgain) {
    const TwoViews data = made_of({60, 60});
    SplitRequest request;
    request.labels = {3, 3};
    const auto pool = [&](std::uint64_t seed, std::int64_t index) { return make_split(data, request, seed, index).pool; };
    EXPECT_EQ(pool(1, 0), pool(1, 0));
    EXPECT_NE(pool(1, 0), pool(1, 1));
    EXPECT_NE(pool(1, 0), pool(2, 0));
}

TEST(CotrainSplit, NoGroupStandsOnTwoSides) {
    const TwoViews data = made_of({300, 300}, 60);
    SplitRequest request;
    request.labels = {5, 5};
    request.validation = 5;
    const Split split = make_split(data, request, 11, 0);
    EXPECT_EQ(leaking_groups(data, split), 0);
    EXPECT_LT(split.unused.size(), 60u) << "whole groups are taken, not a few samples of all";
    EXPECT_EQ(misplaced(split, split.pool, {}, {}, data.samples()), 0);
    TwoViews without = data;
    without.group.clear();
    EXPECT_GT(leaking_groups(data, make_split(without, request, 11, 0)), 0) << "the count sees no leak where there is one";
}

TEST(CotrainSplit, MisplacedSamplesAreCounted) {
    Split split;
    split.labelled = {0};
    split.test = {1};
    EXPECT_EQ(misplaced(split, {2, 3}, {}, {}, 4), 0);
    EXPECT_EQ(misplaced(split, {2}, {3}, {3}, 4), 0) << "both views may be given one sample";
    EXPECT_EQ(misplaced(split, {2}, {}, {}, 4), 1) << "lost";
    EXPECT_EQ(misplaced(split, {1, 2, 3}, {}, {}, 4), 1) << "in the test and in the pool";
    EXPECT_EQ(misplaced(split, {2, 3}, {3}, {}, 4), 1) << "labelled and still in the pool";
    EXPECT_EQ(misplaced(split, {2}, {3, 3}, {}, 4), 1) << "twice in one view";
}

TEST(CotrainSplit, TooFewSamplesAreNamed) {
    SplitRequest request;
    request.labels = {9, 9};
    try {
        make_split(made_of({50, 6}), request, 1, 0);
        FAIL();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
        EXPECT_THAT(error.what(), ::testing::HasSubstr("class 1"));
    }
}

}  // namespace
}  // namespace plumb::families::cotrain
