// SPDX-License-Identifier: Apache-2.0
// The conversions of whole vectors give the bits of base/dtype.h on every instruction set.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/dtype.h"
#include "base/random.h"
#include "kernels/attention/tile.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::attention {
namespace {

class AttentionConvert : public testing::TestWithParam<Isa> {};

TEST_P(AttentionConvert, WidensEverySixteenBitPatternExactly) {
    PLUMB_SKIP_WITHOUT(GetParam());
    std::vector<std::uint16_t> stored(1 << 16);
    for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<std::uint16_t>(i);
    std::vector<float> wide(stored.size());
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        tile_kernel(GetParam()).widen(dtype, stored.data(), std::ssize(stored), wide.data());
        for (std::size_t i = 0; i < stored.size(); ++i) {
            const float expected = base::load(dtype, stored.data(), static_cast<std::int64_t>(i));
            if (std::isnan(expected)) {
                ASSERT_TRUE(std::isnan(wide[i])) << base::name(dtype) << " " << i;
            } else {
                ASSERT_EQ(std::bit_cast<std::uint32_t>(wide[i]), std::bit_cast<std::uint32_t>(expected)) << base::name(dtype) << " " << i;
            }
        }
    }
}

TEST_P(AttentionConvert, NarrowsRandomBitPatternsAsTheScalarConversionDoes) {
    PLUMB_SKIP_WITHOUT(GetParam());
    constexpr std::uint64_t seed = 8;
    const base::RandomStream random(seed, "convert");
    // An odd count, so that a remainder is converted too.
    std::vector<float> wide(200003);
    for (std::size_t i = 0; i < wide.size(); ++i) {
        // Every second one near the range of fp16, so that its denormals and overflows are met often.
        wide[i] = i % 2 == 0
                      ? std::bit_cast<float>(static_cast<std::uint32_t>(random.bits(i)))
                      : static_cast<float>(random.normal(i)) * std::ldexp(1.0F, static_cast<int>(random.below(i + wide.size(), 44)) - 26);
    }
    for (const base::Dtype dtype : base::all_dtypes()) {
        base::Numbers numbers(dtype, wide.size());
        tile_kernel(GetParam()).narrow(dtype, wide.data(), std::ssize(wide), numbers.data());
        EXPECT_EQ(numbers, base::Numbers(dtype, wide)) << base::name(dtype) << " seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionConvert, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace plumb::kernels::attention
