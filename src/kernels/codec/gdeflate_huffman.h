// SPDX-License-Identifier: Apache-2.0
// Prefix codes for the encoder: the best code lengths under a limit, and the canonical codes of DEFLATE for them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_format.h"

namespace plumb::kernels::codec::gdeflate {

/// By symbol: 0 for one that does not occur, else 1 to `limit` bits. Two symbols have a code at least, whether they occur or not, so that
/// the code is always complete. At most literal_symbols frequencies, whose sum is below 2^21.
void make_lengths(std::span<const std::uint32_t> frequencies, unsigned limit, std::span<std::uint8_t> lengths);

/// The codes of these lengths, first bit lowest.
void make_codes(std::span<const std::uint8_t> lengths, std::span<std::uint16_t> codes);

template <std::size_t symbols>
struct PrefixCode {
    std::array<std::uint8_t, symbols> lengths{};
    std::array<std::uint16_t, symbols> codes{};

    PrefixCode() = default;
    PrefixCode(std::span<const std::uint32_t, symbols> frequencies, unsigned limit) {
        make_lengths(frequencies, limit, lengths);
        make_codes(lengths, codes);
    }
    explicit PrefixCode(const std::array<std::uint8_t, symbols>& given) : lengths(given) { make_codes(lengths, codes); }
};

}  // namespace plumb::kernels::codec::gdeflate
