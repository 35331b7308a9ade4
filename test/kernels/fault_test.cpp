// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/fault.h"

#include <bit>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {
namespace {

std::uint32_t bits_of(float number) {
    return std::bit_cast<std::uint32_t>(number);
}

TEST(Fault, EverySiteAndModelHasOneNameThatIsFoundAgain) {
    std::set<std::string_view> names;
    for (int i = 0; i < site_count; ++i) {
        const auto site = static_cast<Site>(i);
        EXPECT_EQ(site_named(name(site)), site);
        EXPECT_FALSE(help(site).empty());
        names.insert(name(site));
    }
    for (int i = 0; i < fault_model_count; ++i) {
        const auto model = static_cast<FaultModel>(i);
        EXPECT_EQ(fault_model_named(name(model)), model);
        EXPECT_FALSE(help(model).empty());
        names.insert(name(model));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(site_count + fault_model_count));
    EXPECT_THROW(site_named("scor"), base::Error);
}

TEST(Fault, ABitFaultFlipsThatBitAndNoOther) {
    for (int bit = 0; bit < 32; ++bit) {
        const Fault fault{.model = FaultModel::bit, .bit = bit};
        EXPECT_EQ(bits_of(corrupted(1.5F, fault)) ^ bits_of(1.5F), 1U << bit);
    }
    for (int bit = 0; bit < 16; ++bit) {
        const Fault fault{.model = FaultModel::bit, .bit = bit};
        EXPECT_EQ(corrupted(std::uint16_t{0x3F80}, base::Dtype::bf16, fault) ^ 0x3F80, 1 << bit);
    }
}

TEST(Fault, SeveralBitsAreTwoToFourDifferentOnes) {
    std::set<int> counts;
    for (std::uint64_t draw = 0; draw < 200; ++draw) {
        const Fault fault{.model = FaultModel::bits, .draw = draw};
        counts.insert(std::popcount(bits_of(corrupted(0.37F, fault)) ^ bits_of(0.37F)));
    }
    EXPECT_EQ(counts, (std::set<int>{2, 3, 4}));
}

TEST(Fault, ACarryAddsOrSubtractsAPowerOfTwo) {
    std::set<std::int64_t> steps;
    for (std::uint64_t draw = 0; draw < 50; ++draw) {
        const Fault fault{.model = FaultModel::carry, .bit = 7, .draw = draw};
        steps.insert(std::int64_t{bits_of(corrupted(3.0F, fault))} - std::int64_t{bits_of(3.0F)});
    }
    EXPECT_EQ(steps, (std::set<std::int64_t>{-128, 128}));
}

TEST(Fault, SpecialValuesAreThoseOfTheType) {
    EXPECT_EQ(corrupted(2.0F, {.model = FaultModel::zero}), 0.0F);
    EXPECT_EQ(corrupted(2.0F, {.model = FaultModel::sign}), -2.0F);
    EXPECT_TRUE(std::isinf(corrupted(2.0F, {.model = FaultModel::infinity})));
    EXPECT_TRUE(std::isnan(corrupted(2.0F, {.model = FaultModel::nan})));
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        const std::uint16_t infinite = corrupted(std::uint16_t{1}, dtype, {.model = FaultModel::infinity});
        const std::uint16_t nan = corrupted(std::uint16_t{1}, dtype, {.model = FaultModel::nan});
        EXPECT_TRUE(std::isinf(base::load(dtype, &infinite, 0)));
        EXPECT_TRUE(std::isnan(base::load(dtype, &nan, 0)));
    }
}

TEST(Fault, AStuckBitChangesOnlyNumbersThatHaveItAtZero) {
    const Fault fault{.model = FaultModel::stuck_lane, .bit = 31};
    EXPECT_EQ(corrupted(-1.0F, fault), -1.0F);
    EXPECT_EQ(corrupted(1.0F, fault), -1.0F);
    for (std::int64_t block = 0; block < 20; ++block) EXPECT_TRUE(shows_in_block(fault, block));
}

TEST(Fault, AnIntermittentFaultShowsInAboutAQuarterOfTheBlocks) {
    const Fault fault{.model = FaultModel::intermittent, .bit = 3, .draw = 11};
    int shown = 0;
    for (std::int64_t block = 0; block < 4000; ++block) shown += shows_in_block(fault, block) ? 1 : 0;
    EXPECT_NEAR(shown, 1000, 5 * std::sqrt(4000 * 0.25 * 0.75));
}

TEST(Fault, NeighboursOfABurstLoseOneBitEach) {
    const Fault fault{.model = FaultModel::burst, .bit = 12, .draw = 5};
    for (std::uint64_t place = 0; place < 4; ++place)
        EXPECT_EQ(std::popcount(bits_of(corrupted(0.7F, fault, place)) ^ bits_of(0.7F)), 1) << place;
}

TEST(Protection, NamesAreFoundAgainAndWrongOnesAreRefused) {
    for (const Level level : {Level::none, Level::detect, Level::correct}) EXPECT_EQ(level_named(name(level)), level);
    for (const ExponentialCheck check : {ExponentialCheck::none, ExponentialCheck::sum, ExponentialCheck::band, ExponentialCheck::twice})
        EXPECT_EQ(exponential_check_named(name(check)), check);
    for (const ThresholdKind kind : {ThresholdKind::calibrated, ThresholdKind::provable}) EXPECT_EQ(threshold_kind_named(name(kind)), kind);
    EXPECT_THROW(level_named("strong"), base::Error);
}

}  // namespace
}  // namespace plumb::kernels::protect
