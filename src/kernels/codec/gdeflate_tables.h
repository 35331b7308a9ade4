// SPDX-License-Identifier: Apache-2.0
// Decoding tables of prefix codes, made so that a vector of lanes can look up literals, lengths and distances in one array by one gather.
//
// An entry answers the next bits of a stream, lowest bit first:
//   31 literal  30 length  29 no plain symbol  28..24 bits of code and extra bits together  23..20 bits of the code  15..0 base of the
//   range
// A distance has none of the three top bits. Where bit 29 is set, the low half says what it is: a `Special`, or with bit 28 the index of a
// second table for codes longer than the first one looks at, whose width stands in 23..20.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_format.h"

namespace plumb::kernels::codec::gdeflate {

using Entry = std::uint32_t;
inline constexpr Entry literal_flag = 1U << 31;
inline constexpr Entry length_flag = 1U << 30;
inline constexpr Entry special_flag = 1U << 29;
inline constexpr Entry link_flag = special_flag | 1U << 28;
enum Special : std::uint16_t { no_code = 0, block_end = 1 };

constexpr unsigned all_bits(Entry entry) {
    return entry >> 24 & 31;
}
constexpr unsigned code_bits(Entry entry) {
    return entry >> 20 & 15;
}
constexpr unsigned base_of(Entry entry) {
    return entry & 0xffff;
}
constexpr bool is_link(Entry entry) {
    return (entry & link_flag) == link_flag;
}

// Widths of the first tables: what they leave out is rare, and all of it together stays in the first-level cache beside the output.
inline constexpr unsigned literal_table_bits = 11;
inline constexpr unsigned distance_table_bits = 9;
// A second table of width w is filled by a tree of depth w, so by w + 1 codes at least: the widest costs most entries a code.
constexpr unsigned most_entries(unsigned table_bits, unsigned symbols) {
    const unsigned width = longest_code - table_bits;
    return (1U << table_bits) + (symbols << width) / (width + 1);
}
inline constexpr unsigned literal_table_entries = most_entries(literal_table_bits, literal_symbols);
inline constexpr unsigned distance_table_entries = most_entries(distance_table_bits, distance_symbols);
inline constexpr unsigned distance_table_start = literal_table_entries;

/// Both codes of a block.
struct Tables {
    alignas(64) Entry entries[literal_table_entries + distance_table_entries];
};
using PrecodeTable = Entry[1U << longest_precode];

/// Each reads one code's lengths by symbol, 0 for a symbol that does not occur, and writes its table. False for lengths that are no prefix
/// code: too many codes, or too few, but for a code of a single symbol of one bit, and one of no symbols, which every input contradicts.
bool make_literal_table(std::span<const std::uint8_t> lengths, Tables& tables);
bool make_distance_table(std::span<const std::uint8_t> lengths, Tables& tables);
bool make_precode_table(std::span<const std::uint8_t> lengths, PrecodeTable& table);

/// The entry for the bits `window`, through the second table where there is one.
inline Entry look_up(const Entry* table_array, unsigned start, unsigned table_bits, std::uint32_t window) {
    const Entry entry = table_array[start + (window & ((1U << table_bits) - 1))];
    if (!is_link(entry)) return entry;
    return table_array[base_of(entry) + (window >> table_bits & ((1U << code_bits(entry)) - 1))];
}

}  // namespace plumb::kernels::codec::gdeflate
