// SPDX-License-Identifier: Apache-2.0
#include "base/element_type.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/tensor.h"

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

TEST(ElementType, NamesAreReadBackAndSizesAreThoseOfTheirNames) {
    EXPECT_EQ(element_types().size(), 13U);
    for (const ElementType type : element_types()) {
        EXPECT_EQ(element_type_named(name(type)), type);
        const std::size_t digits = name(type).find_first_of("0123456789");
        const int bits = digits == std::string_view::npos ? 8 : std::stoi(std::string(name(type).substr(digits)));
        EXPECT_EQ(size_of(type) * 8, bits) << name(type);
    }
    EXPECT_EQ(element_type_named("f32"), std::nullopt);
    for (const Dtype dtype : all_dtypes()) EXPECT_EQ(dtype_of(element_type_of(dtype)), dtype);
    EXPECT_EQ(dtype_of(ElementType::i32), std::nullopt);
}

TEST(ElementType, SixteenBitFloatsAreTheirDefinitionsInFp32) {
    Tensor half({"half", ElementType::fp16, {65536}});
    Tensor brain({"brain", ElementType::bf16, {65536}});
    std::vector<std::uint16_t> patterns(65536);
    std::iota(patterns.begin(), patterns.end(), std::uint16_t{0});
    for (Tensor* tensor : {&half, &brain}) std::ranges::copy(std::as_bytes(std::span(patterns)), tensor->bytes().begin());
    const std::vector<float> from_half = half.to_fp32();
    const std::vector<float> from_brain = brain.to_fp32();
    for (const std::uint16_t bits : patterns) {
        const double expected = binary16(bits);
        ASSERT_EQ(std::isnan(from_half[bits]), std::isnan(expected)) << bits;
        if (!std::isnan(expected)) {
            ASSERT_EQ(static_cast<double>(from_half[bits]), expected) << bits;
        }
        ASSERT_EQ(std::signbit(from_half[bits]), (bits & 0x8000) != 0) << bits;
        ASSERT_EQ(std::bit_cast<std::uint32_t>(from_brain[bits]), std::uint32_t{bits} << 16);
    }
}

}  // namespace
}  // namespace plumb::base
