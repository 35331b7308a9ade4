// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <array>
#include <bit>

namespace plumb::base {

namespace {

struct DtypeFacts {
    std::string_view name;
    std::int64_t size;
};

// In the order of the enum.
constexpr std::array<DtypeFacts, 13> facts = {{{"bool", 1},
                                               {"i8", 1},
                                               {"i16", 2},
                                               {"i32", 4},
                                               {"i64", 8},
                                               {"u8", 1},
                                               {"u16", 2},
                                               {"u32", 4},
                                               {"u64", 8},
                                               {"fp16", 2},
                                               {"bf16", 2},
                                               {"fp32", 4},
                                               {"fp64", 8}}};

constexpr std::array<Dtype, facts.size()> all = {Dtype::boolean, Dtype::i8,  Dtype::i16,  Dtype::i32,  Dtype::i64,  Dtype::u8,  Dtype::u16,
                                                 Dtype::u32,     Dtype::u64, Dtype::fp16, Dtype::bf16, Dtype::fp32, Dtype::fp64};

/// `bits` without its lowest `dropped` bits, to nearest, ties to even. A carry into the exponent is the right result.
std::uint32_t round_off(std::uint32_t bits, int dropped) {
    const std::uint32_t kept_is_odd = (bits >> dropped) & 1U;
    return (bits + (1U << (dropped - 1)) - 1U + kept_is_odd) >> dropped;
}

}  // namespace

std::span<const Dtype> dtypes() {
    return all;
}

std::string_view name(Dtype dtype) {
    return facts[static_cast<std::size_t>(dtype)].name;
}

std::int64_t size_of(Dtype dtype) {
    return facts[static_cast<std::size_t>(dtype)].size;
}

std::optional<Dtype> dtype_named(std::string_view wanted) {
    for (const Dtype dtype : all) {
        if (name(dtype) == wanted) return dtype;
    }
    return std::nullopt;
}

float bf16_to_fp32(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::uint16_t fp32_to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    // Rounding could carry a NaN's payload into infinity.
    return static_cast<std::uint16_t>(is_nan ? (bits >> 16) | 0x40U : round_off(bits, 16));
}

float fp16_to_fp32(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16;
    const std::uint32_t magnitude = half & 0x7FFFU;
    // 2^-24 is the unit of the subnormals, so any number below the smallest normal one is that many units.
    if (magnitude < 0x0400U) return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24F));
    if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | (magnitude & 0x03FFU) << 13);
    return std::bit_cast<float>(sign | ((magnitude << 13) + ((127U - 15U) << 23)));
}

std::uint16_t fp32_to_fp16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13) & 0x01FFU));
    // From half a unit above the largest finite number on.
    if (magnitude >= std::bit_cast<std::uint32_t>(65520.0F)) return static_cast<std::uint16_t>(sign | 0x7C00U);
    if (magnitude < std::bit_cast<std::uint32_t>(0x1p-14F)) {
        // Beside 0.5 the unit of fp32 is 2^-24, the unit of the result: the addition rounds.
        const float beside_half = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(beside_half) - std::bit_cast<std::uint32_t>(0.5F)));
    }
    return static_cast<std::uint16_t>(sign | round_off(magnitude - ((127U - 15U) << 23), 13));
}

}  // namespace plumb::base
