// SPDX-License-Identifier: Apache-2.0
// Conversions against the definition of rounding: of the two neighbours the nearer one, of two equally near ones the even one.
#include "base/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"

namespace plumb::base {
namespace {

constexpr int patterns = 1 << 16;

TEST(Dtype, EverySixteenBitNumberSurvivesTheWayToFp32AndBack) {
    for (const Dtype dtype : {Dtype::bf16, Dtype::fp16}) {
        for (int bits = 0; bits < patterns; ++bits) {
            const auto stored = static_cast<std::uint16_t>(bits);
            std::uint16_t again = 0;
            const float wide = load(dtype, &stored, 0);
            store(dtype, &again, 0, wide);
            if (std::isnan(wide)) {
                EXPECT_TRUE(std::isnan(load(dtype, &again, 0))) << name(dtype) << " " << bits;
            } else {
                EXPECT_EQ(stored, again) << name(dtype) << " " << bits;
            }
        }
    }
}

TEST(Dtype, KnownFp16NumbersAreWhatTheFormatSays) {
    // IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
    for (const auto& [bits, value] : {std::pair{0x3c00, 1.0F},
                                      {0xc000, -2.0F},
                                      {0x7bff, 65504.0F},
                                      {0x0400, 0x1p-14F},
                                      {0x0001, 0x1p-24F},
                                      {0x03ff, 1023 * 0x1p-24F},
                                      {0x3555, 0.333251953125F},
                                      {0x7c00, HUGE_VALF},
                                      {0xfc00, -HUGE_VALF}}) {
        EXPECT_EQ(from_fp16(static_cast<std::uint16_t>(bits)), value);
        EXPECT_EQ(to_fp16(value), bits);
    }
    EXPECT_TRUE(std::signbit(from_fp16(to_fp16(-0.0F))));
    EXPECT_EQ(to_fp16(65519.99F), 0x7bff);
    EXPECT_EQ(to_fp16(65520.0F), 0x7c00);
    EXPECT_EQ(to_fp16(1e30F), 0x7c00);
    EXPECT_EQ(to_fp16(0x1p-25F), 0x0000) << "a tie between 0 and the smallest denormal goes to 0";
    EXPECT_EQ(to_fp16(std::nextafter(0x1p-25F, 1.0F)), 0x0001);
}

TEST(Dtype, HalfwayNumbersGoToTheEvenNeighbourAndOthersToTheNearer) {
    for (const Dtype dtype : {Dtype::bf16, Dtype::fp16}) {
        const int last = dtype == Dtype::bf16 ? 0x7f7f : 0x7bff;
        for (int bits = 0; bits < last; ++bits) {
            const auto low = static_cast<std::uint16_t>(bits);
            const auto high = static_cast<std::uint16_t>(bits + 1);
            const float a = load(dtype, &low, 0);
            const float b = load(dtype, &high, 0);
            // The middle has one bit more than either and is exact in fp32, denormals of bf16 included.
            const auto middle = static_cast<float>((static_cast<double>(a) + static_cast<double>(b)) / 2);
            const auto rounded = [&](float number) {
                std::uint16_t stored = 0;
                store(dtype, &stored, 0, number);
                return stored;
            };
            ASSERT_EQ(rounded(middle), bits % 2 == 0 ? low : high) << name(dtype) << " " << bits;
            ASSERT_EQ(rounded(std::nextafter(middle, a)), low) << name(dtype) << " " << bits;
            ASSERT_EQ(rounded(std::nextafter(middle, b)), high) << name(dtype) << " " << bits;
            ASSERT_EQ(rounded(-middle), rounded(middle) | 0x8000);
        }
    }
}

TEST(Dtype, NanStaysNanWhateverItsPayload) {
    for (const std::uint32_t payload : {1U, 0x1000U, 0xffffU, 0x400000U, 0x7fffffU}) {
        const auto nan = std::bit_cast<float>(0x7f800000U | payload);
        EXPECT_TRUE(std::isnan(from_bf16(to_bf16(nan)))) << payload;
        EXPECT_TRUE(std::isnan(from_fp16(to_fp16(nan)))) << payload;
    }
}

TEST(Dtype, RoundingIsWithinTheUnitThatIsPromised) {
    constexpr std::uint64_t seed = 3;
    const RandomStream random(seed, "dtype");
    for (const Dtype dtype : all_dtypes()) {
        double largest = 0;
        for (std::uint64_t i = 0; i < 20000; ++i) {
            const auto number = static_cast<float>(random.uniform(i, 1.0, 2.0));
            largest = std::max(largest, std::abs(static_cast<double>(round_to(dtype, number)) - number) / number);
        }
        EXPECT_LE(largest, rounding_unit(dtype)) << name(dtype) << " seed " << seed;
        EXPECT_GE(largest, dtype == Dtype::fp32 ? 0 : 0.9 * rounding_unit(dtype)) << name(dtype) << " seed " << seed;
    }
}

TEST(Dtype, NamesReadBackAndUnknownOnesNameTheNearest) {
    for (const Dtype dtype : all_dtypes()) EXPECT_EQ(parse_dtype(name(dtype)), dtype);
    try {
        parse_dtype("bf61");
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        EXPECT_NE(error.hint().find("bf16"), std::string::npos);
    }
}

TEST(Dtype, OwnedNumbersHoldRoundedValues) {
    const float values[] = {1.0F, 1.00390625F, -3.0F};
    const Numbers numbers(Dtype::bf16, values);
    EXPECT_EQ(numbers.size(), 3u);
    EXPECT_EQ(numbers.bytes().size(), 6u);
    EXPECT_EQ(numbers.widened(), (std::vector<float>{1.0F, 1.0F, -3.0F}));
    EXPECT_EQ(Numbers(Dtype::fp32, values).at(1), values[1]);
}

}  // namespace
}  // namespace plumb::base
