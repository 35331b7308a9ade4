// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace plumb::base {
namespace {

constexpr std::array dtypes = {Dtype::fp32, Dtype::bf16, Dtype::fp16};
constexpr std::array<std::string_view, dtypes.size()> names = {"fp32", "bf16", "fp16"};

/// `bits` without their lowest `dropped`, rounded to nearest, ties to even.
std::uint32_t round_bits(std::uint32_t bits, int dropped) {
    const std::uint32_t odd = (bits >> dropped) & 1U;
    return (bits + (std::uint32_t{1} << (dropped - 1)) - 1U + odd) >> dropped;
}

}  // namespace

std::string_view name(Dtype dtype) {
    return names.at(static_cast<std::size_t>(dtype));
}

Dtype parse_dtype(std::string_view text) {
    for (const Dtype dtype : dtypes) {
        if (name(dtype) == text) return dtype;
    }
    const std::vector<std::string> allowed(names.begin(), names.end());
    throw Error(ErrorKind::usage, "no number type is called '" + std::string(text) + "'", suggest(text, allowed));
}

std::span<const Dtype> all_dtypes() {
    return dtypes;
}

std::uint16_t to_bf16(float number) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    // A NaN whose payload lies in the dropped half would become inf.
    if (std::isnan(number)) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>(round_bits(bits, 16));
}

float from_fp16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16;
    const std::uint32_t magnitude = bits & 0x7fffU;
    constexpr std::uint32_t infinite = 0x7c00U;
    if (magnitude >= infinite) return std::bit_cast<float>(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
    constexpr std::uint32_t smallest_normal = 0x400U;
    if (magnitude < smallest_normal) {
        const float value = static_cast<float>(magnitude) * 0x1p-24F;
        return sign != 0 ? -value : value;
    }
    constexpr std::uint32_t rebias = (127U - 15U) << 23;
    return std::bit_cast<float>(sign | ((magnitude << 13) + rebias));
}

std::uint16_t to_fp16(float number) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    const std::uint32_t sign = (bits >> 16) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    constexpr std::uint32_t infinite = 0x7f800000U;
    if (magnitude > infinite) return static_cast<std::uint16_t>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
    // 65520 and above are nearer to 2^16 than to 65504.
    if (magnitude >= std::bit_cast<std::uint32_t>(65520.0F)) return static_cast<std::uint16_t>(sign | 0x7c00U);
    constexpr auto smallest_normal = std::bit_cast<std::uint32_t>(0x1p-14F);
    if (magnitude < smallest_normal) {
        // Adding 1/2 aligns the number so that its unit is 2^-24, the unit of fp16's denormals; the addition rounds to nearest even.
        const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - std::bit_cast<std::uint32_t>(0.5F)));
    }
    constexpr std::uint32_t rebias = (127U - 15U) << 23;
    return static_cast<std::uint16_t>(sign | round_bits(magnitude - rebias, 13));
}

Numbers::Numbers(Dtype dtype, std::span<const float> numbers) : Numbers(dtype, numbers.size()) {
    for (std::size_t i = 0; i < numbers.size(); ++i) set(i, numbers[i]);
}

std::vector<float> Numbers::widened() const {
    std::vector<float> wide(size());
    for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = at(i);
    return wide;
}

}  // namespace plumb::base
