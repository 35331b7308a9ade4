// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace plumb::base {
namespace {

// Known answers of Random123's kat_vectors for philox4x32-10.
TEST(Philox, MatchesThePublishedKnownAnswers) {
    EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, DependsOnSeedPurposeAndIndexAlone) {
    const RandomStream stream(7, "weights");
    EXPECT_EQ(stream.bits(5), RandomStream(7, "weights").bits(5));
    EXPECT_NE(stream.bits(5), stream.bits(6));
    EXPECT_NE(stream.bits(5), RandomStream(8, "weights").bits(5));
    EXPECT_NE(stream.bits(5), RandomStream(7, "order").bits(5));
}

TEST(RandomStream, FillsTheSameNumbersWhereverTheFillBegins) {
    const RandomStream stream(7, "inputs");
    std::vector<float> whole(100), tail(40);
    stream.fill_normal(whole, 0, 1);
    stream.fill_normal(tail, 0, 1, 60);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + 60));
}

TEST(RandomStream, UniformNumbersHaveTheirMeanVarianceAndRange) {
    const RandomStream stream(3, "uniform");
    constexpr int count = 200000;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
        const double x = stream.uniform(static_cast<std::uint64_t>(i));
        ASSERT_GE(x, 0);
        ASSERT_LT(x, 1);
        sum += x;
        squares += x * x;
    }
    // Five standard errors of the mean, 0.2887 / sqrt(n), and of the second moment, 0.2981 / sqrt(n).
    EXPECT_NEAR(sum / count, 0.5, 5 * 0.2887 / std::sqrt(count));
    EXPECT_NEAR(squares / count, 1.0 / 3, 5 * 0.2981 / std::sqrt(count));
}

TEST(RandomStream, NormalNumbersHaveTheirFirstFourMoments) {
    const RandomStream stream(3, "normal");
    constexpr int count = 200000;
    double moments[4] = {0, 0, 0, 0};
    for (int i = 0; i < count; ++i) {
        const double x = stream.normal(static_cast<std::uint64_t>(i));
        ASSERT_TRUE(std::isfinite(x));
        for (int power = 0; power < 4; ++power) moments[power] += std::pow(x, power + 1) / count;
    }
    // Standard errors: 1, sqrt(2), sqrt(15), sqrt(96) over sqrt(n).
    const double error = 5 / std::sqrt(count);
    EXPECT_NEAR(moments[0], 0, error);
    EXPECT_NEAR(moments[1], 1, error * std::sqrt(2.0));
    EXPECT_NEAR(moments[2], 0, error * std::sqrt(15.0));
    EXPECT_NEAR(moments[3], 3, error * std::sqrt(96.0));
}

TEST(RandomStream, BelowStaysBelowAndReachesEverything) {
    const RandomStream stream(1, "dice");
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < 200; ++i) seen.insert(stream.below(i, 6));
    EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_ANY_THROW(stream.below(0, 0));
}

}  // namespace
}  // namespace plumb::base
