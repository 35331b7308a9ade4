// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "base/random.h"

namespace plumb::base {
namespace {

/// The value of a binary16 by its definition.
double binary16(std::uint16_t bits) {
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * std::ldexp(fraction, -24);
    return sign * std::ldexp(1024 + fraction, exponent - 25);
}

/// The one of two neighbours (consecutive bit patterns, both of positive sign) that `value` belongs to: the nearer one, the even one of two
/// equally near.
std::uint16_t nearest_of(double value, std::uint16_t low, double low_value, double high_value) {
    const double below = value - low_value;
    const double above = high_value - value;
    if (below == above) return low % 2 == 0 ? low : static_cast<std::uint16_t>(low + 1);
    return below < above ? low : static_cast<std::uint16_t>(low + 1);
}

TEST(Dtype, NamesAreReadBackAndSizesAreThoseOfTheirNames) {
    EXPECT_EQ(dtypes().size(), 13U);
    for (const Dtype dtype : dtypes()) {
        EXPECT_EQ(dtype_named(name(dtype)), dtype);
        const std::size_t digits = name(dtype).find_first_of("0123456789");
        const int bits = digits == std::string_view::npos ? 8 : std::stoi(std::string(name(dtype).substr(digits)));
        EXPECT_EQ(size_of(dtype) * 8, bits) << name(dtype);
    }
    EXPECT_EQ(dtype_named("f32"), std::nullopt);
}

TEST(Dtype, EveryFp16IsItsDefinitionAndComesBack) {
    for (unsigned bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const double expected = binary16(half);
        const float value = fp16_to_fp32(half);
        if (std::isnan(expected)) {
            EXPECT_TRUE(std::isnan(value)) << bits;
            EXPECT_TRUE(std::isnan(binary16(fp32_to_fp16(value)))) << bits;
            continue;
        }
        ASSERT_EQ(static_cast<double>(value), expected) << bits;
        ASSERT_EQ(std::signbit(value), (bits & 0x8000U) != 0) << bits;
        ASSERT_EQ(fp32_to_fp16(value), half);
    }
}

TEST(Dtype, Fp16RoundsToTheNearestAndTiesToEven) {
    for (std::uint16_t low = 0; low < 0x7BFF; ++low) {
        const double low_value = binary16(low);
        const double high_value = binary16(static_cast<std::uint16_t>(low + 1));
        const auto middle = static_cast<float>((low_value + high_value) / 2);
        for (const float value : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, 1e9F)}) {
            const std::uint16_t expected = nearest_of(static_cast<double>(value), low, low_value, high_value);
            ASSERT_EQ(fp32_to_fp16(value), expected) << value;
            ASSERT_EQ(fp32_to_fp16(-value), expected | 0x8000U) << value;
        }
    }
    EXPECT_EQ(fp32_to_fp16(65519.996F), 0x7BFF) << "below half a unit above the largest";
    EXPECT_EQ(fp32_to_fp16(65520.0F), 0x7C00);
    EXPECT_EQ(fp32_to_fp16(std::numeric_limits<float>::max()), 0x7C00);
    EXPECT_EQ(fp32_to_fp16(-std::numeric_limits<float>::infinity()), 0xFC00);
    EXPECT_EQ(fp32_to_fp16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Dtype, Bf16IsTheUpperHalfAndRoundsToTheNearest) {
    const RandomStream random(7, "bf16 test");
    for (unsigned i = 0; i < 200'000; ++i) {
        // Every upper half with the lower halves at and beside the tie, then any.
        const auto chosen = static_cast<std::uint32_t>(random.bits(i));
        const std::uint32_t lower = i % 4 == 0 ? 0x7FFFU : i % 4 == 1 ? 0x8000U : i % 4 == 2 ? 0x8001U : chosen & 0xFFFFU;
        const std::uint32_t upper = (chosen >> 16) & 0x7FFFU;
        if (upper >= 0x7F80U) continue;  // inf and NaN below
        const auto value = std::bit_cast<float>(upper << 16 | lower);
        const double low = static_cast<double>(std::bit_cast<float>(upper << 16));
        const double high = upper == 0x7F7FU ? 0x1p128 : static_cast<double>(std::bit_cast<float>((upper + 1) << 16));
        ASSERT_EQ(fp32_to_bf16(value), nearest_of(static_cast<double>(value), static_cast<std::uint16_t>(upper), low, high)) << value;
    }
    for (unsigned bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = bf16_to_fp32(half);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(bf16_to_fp32(fp32_to_bf16(value))));
        } else {
            ASSERT_EQ(fp32_to_bf16(value), half);
        }
    }
    EXPECT_TRUE(std::isnan(bf16_to_fp32(fp32_to_bf16(std::bit_cast<float>(0x7F800001U))))) << "a NaN in the lower half only";
}

}  // namespace
}  // namespace plumb::base
