// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/gdeflate_tables.h"

#include <algorithm>
#include <array>
#include <bit>

namespace plumb::kernels::codec::gdeflate {
namespace {

constexpr Entry entry_of(Range range) {
    return static_cast<Entry>(range.extra_bits) << 24 | range.base;
}

/// By symbol: the entry of a code of no bits.
constexpr std::array<Entry, literal_symbols> literal_entries = [] {
    std::array<Entry, literal_symbols> entries{};
    for (Entry byte = 0; byte < end_of_block; ++byte) entries[byte] = literal_flag | byte;
    entries[end_of_block] = special_flag | block_end;
    for (unsigned i = 0; i < length_symbols; ++i) entries[first_length_symbol + i] = length_flag | entry_of(length_ranges[i]);
    for (unsigned i = first_length_symbol + length_symbols; i < literal_symbols; ++i) entries[i] = special_flag | no_code;
    return entries;
}();
constexpr std::array<Entry, distance_symbols> distance_entries = [] {
    std::array<Entry, distance_symbols> entries{};
    for (unsigned i = 0; i < distance_symbols; ++i) entries[i] = entry_of(distance_ranges[i]);
    return entries;
}();
constexpr std::array<Entry, precode_symbols> precode_entries = [] {
    std::array<Entry, precode_symbols> entries{};
    for (unsigned i = 0; i < precode_symbols; ++i) entries[i] = i;
    return entries;
}();

constexpr Entry with_code(Entry entry, unsigned bits) {
    return entry + (bits << 24) + (bits << 20);
}

/// The codes of a canonical prefix code in order, as the decoder sees them: first bit lowest.
class CodeWalk {
  public:
    unsigned code() const { return code_; }
    /// To the next code of `bits` bits; false behind the last there is.
    bool advance(unsigned bits) {
        const unsigned zeros = ~code_ & ((1U << bits) - 1);
        if (zeros == 0) return false;
        const unsigned top = std::bit_floor(zeros);
        code_ = (code_ & (top - 1)) | top;
        return true;
    }

  private:
    unsigned code_ = 0;
};

struct SortedSymbols {
    std::array<unsigned, longest_code + 1> counts{};
    std::array<std::uint16_t, literal_symbols> by_length{};
    unsigned used = 0;
    unsigned most_bits = 0;
    int unused_space = 0;  ///< in units of 2^-15
};

SortedSymbols sort(std::span<const std::uint8_t> lengths) {
    SortedSymbols sorted;
    for (const std::uint8_t bits : lengths) ++sorted.counts[bits];
    std::array<unsigned, longest_code + 2> next{};
    sorted.unused_space = 1 << longest_code;
    for (unsigned bits = 1; bits <= longest_code; ++bits) {
        next[bits + 1] = next[bits] + sorted.counts[bits];
        sorted.unused_space -= static_cast<int>(sorted.counts[bits] << (longest_code - bits));
        if (sorted.counts[bits] != 0) sorted.most_bits = bits;
    }
    sorted.used = next[longest_code + 1];
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
        if (lengths[symbol] != 0) sorted.by_length[next[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    }
    return sorted;
}

struct Target {
    Entry* array;
    unsigned start;
    unsigned bits;
};

/// No symbol, or one of one bit: the other bit is no code.
void fill_incomplete(const SortedSymbols& sorted, std::span<const Entry> symbols, Target table) {
    for (unsigned i = 0; i < 1U << table.bits; ++i) {
        const bool known = sorted.used == 1 && i % 2 == 0;
        table.array[table.start + i] = known ? with_code(symbols[sorted.by_length[0]], 1) : special_flag | no_code;
    }
}

/// Codes too long for the first table: one second table for each beginning that they share.
void fill_second_tables(const SortedSymbols& sorted, std::span<const Entry> symbols, Target table, CodeWalk walk, unsigned first_long) {
    unsigned free = table.start + (1U << table.bits);
    unsigned beginning = ~0U;
    unsigned start = 0;
    unsigned width = 0;
    unsigned next = first_long;
    for (unsigned bits = table.bits + 1; bits <= sorted.most_bits; ++bits) {
        for (unsigned left = sorted.counts[bits]; left > 0; --left) {
            if (const unsigned own = walk.code() & ((1U << table.bits) - 1); own != beginning) {
                beginning = own;
                width = bits - table.bits;
                for (unsigned space = left; space < 1U << width; space = 2 * space + sorted.counts[table.bits + width]) ++width;
                start = free;
                free += 1U << width;
                table.array[table.start + beginning] = link_flag | width << 20 | start;
            }
            const Entry entry = with_code(symbols[sorted.by_length[next++]], bits);
            for (unsigned i = walk.code() >> table.bits; i < 1U << width; i += 1U << (bits - table.bits)) table.array[start + i] = entry;
            walk.advance(bits);
        }
    }
}

bool make_table(std::span<const std::uint8_t> lengths, std::span<const Entry> symbols, Target table) {
    const SortedSymbols sorted = sort(lengths);
    if (sorted.unused_space < 0) return false;
    if (sorted.unused_space > 0) {
        if (sorted.used > 1 || (sorted.used == 1 && sorted.counts[1] == 0)) return false;
        fill_incomplete(sorted, symbols, table);
        return true;
    }
    // The table grows by copying itself: what is known of the first `bits` bits holds for both values of the next.
    Entry* const entries = table.array + table.start;
    CodeWalk walk;
    unsigned next = 0;
    for (unsigned bits = 1; bits <= table.bits; ++bits) {
        if (bits > 1) std::copy_n(entries, 1U << (bits - 1), entries + (1U << (bits - 1)));
        for (unsigned left = sorted.counts[bits]; left > 0; --left) {
            entries[walk.code()] = with_code(symbols[sorted.by_length[next++]], bits);
            walk.advance(bits);
        }
    }
    fill_second_tables(sorted, symbols, table, walk, next);
    return true;
}

}  // namespace

bool make_literal_table(std::span<const std::uint8_t> lengths, Tables& tables) {
    return make_table(lengths, literal_entries, {tables.entries, 0, literal_table_bits});
}

bool make_distance_table(std::span<const std::uint8_t> lengths, Tables& tables) {
    return make_table(lengths, distance_entries, {tables.entries, distance_table_start, distance_table_bits});
}

bool make_precode_table(std::span<const std::uint8_t> lengths, PrecodeTable& table) {
    return make_table(lengths, precode_entries, {table, 0, longest_precode});
}

}  // namespace plumb::kernels::codec::gdeflate
