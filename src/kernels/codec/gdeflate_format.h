// SPDX-License-Identifier: Apache-2.0
// What encoder and decoder of GDeflate share: the alphabets of Deflate64 and the numbers of the page format. gdeflate.md is the
// description.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::codec::gdeflate {

inline constexpr std::size_t page_bytes = 65536;  ///< most input of a page, and the window
inline constexpr std::size_t streams = 32;
inline constexpr std::size_t word_bytes = 4;
inline constexpr std::size_t most_stored = 65535;  ///< bytes of a stored block
inline constexpr unsigned least_match = 3;
inline constexpr unsigned longest_match = 65535;  ///< the format could say 65,538; no encoder of the format goes beyond this

inline constexpr unsigned literal_symbols = 288;  ///< literals, end of block, lengths; the last two of them mean nothing
inline constexpr unsigned distance_symbols = 32;
inline constexpr unsigned precode_symbols = 19;  ///< the code that code lengths are written in
inline constexpr unsigned end_of_block = 256;
inline constexpr unsigned first_length_symbol = 257;
inline constexpr unsigned length_symbols = 29;
inline constexpr unsigned longest_code = 15;
inline constexpr unsigned longest_precode = 7;

enum class BlockType : std::uint8_t { stored = 0, fixed = 1, dynamic = 2 };

/// In the order in which a dynamic block gives the lengths of the precode.
inline constexpr std::array<std::uint8_t, precode_symbols> precode_order = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                            11, 4,  12, 3, 13, 2, 14, 1, 15};

/// A symbol that stands for `base` and the values above it, told apart by `extra_bits` bits.
struct Range {
    std::uint32_t base = 0;
    std::uint8_t extra_bits = 0;
};

/// By symbol less first_length_symbol; base counts from the shortest match, so 0 is a match of 3 bytes.
inline constexpr std::array<Range, length_symbols> length_ranges = [] {
    std::array<Range, length_symbols> ranges{};
    std::uint32_t base = 0;
    for (unsigned symbol = 0; symbol < length_symbols - 1; ++symbol) {
        const unsigned extra = symbol < 8 ? 0 : symbol / 4 - 1;
        ranges[symbol] = {base, static_cast<std::uint8_t>(extra)};
        base += 1U << extra;
    }
    ranges[length_symbols - 1] = {0, 16};
    return ranges;
}();

/// By symbol; base counts from distance 1, so 0 is the byte before.
inline constexpr std::array<Range, distance_symbols> distance_ranges = [] {
    std::array<Range, distance_symbols> ranges{};
    std::uint32_t base = 0;
    for (unsigned symbol = 0; symbol < distance_symbols; ++symbol) {
        const unsigned extra = symbol < 4 ? 0 : symbol / 2 - 1;
        ranges[symbol] = {base, static_cast<std::uint8_t>(extra)};
        base += 1U << extra;
    }
    return ranges;
}();

/// Code lengths of a fixed block.
inline constexpr std::array<std::uint8_t, literal_symbols> fixed_literal_lengths = [] {
    std::array<std::uint8_t, literal_symbols> lengths{};
    for (unsigned symbol = 0; symbol < literal_symbols; ++symbol)
        lengths[symbol] = static_cast<std::uint8_t>(symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8);
    return lengths;
}();
inline constexpr std::uint8_t fixed_distance_length = 5;

}  // namespace plumb::kernels::codec::gdeflate
