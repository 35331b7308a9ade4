// SPDX-License-Identifier: Apache-2.0
// Blocks of a page: heads, code lengths, and the turns that the vector loops leave over.
#include "kernels/codec/gdeflate_decode.h"

#include <algorithm>
#include <array>

#include "kernels/codec/gdeflate_streams.h"
#include "kernels/codec/gdeflate_turns.h"

namespace plumb::kernels::codec::gdeflate {
namespace {

constexpr std::string_view no_problem;
constexpr std::string_view ends_early = "the page ends early";
constexpr std::string_view too_long = "the page gives too many bytes";

/// Reads the code lengths of a dynamic block and makes its tables. `precode_lengths` is how many lengths of the precode follow.
std::string_view read_tables(Streams& from, std::size_t literal_codes, std::size_t distance_codes, std::size_t precode_lengths,
                             Tables& tables) {
    std::array<std::uint8_t, precode_symbols> precode{};
    for (std::size_t i = 0; i < precode_lengths; ++i) {
        precode[precode_order[i]] = static_cast<std::uint8_t>(from.take(i, 3));
        from.end_turn(i);
    }
    PrecodeTable table;
    if (!make_precode_table(precode, table)) return "the code of code lengths is no prefix code";

    std::array<std::uint8_t, literal_symbols + distance_symbols> lengths{};
    const std::size_t count = literal_codes + distance_codes;
    std::size_t known = 0;
    for (std::size_t stream = 0; known < count; stream = (stream + 1) % streams) {
        const Entry entry = table[from.peek(stream) & ((1U << longest_precode) - 1)];
        if (entry & special_flag) return "a code length has an invalid code";
        from.take(stream, code_bits(entry));
        const unsigned symbol = base_of(entry);
        std::size_t repeats = 1;
        std::uint8_t length = static_cast<std::uint8_t>(symbol);
        if (symbol > longest_code) {
            if (symbol == 16 && known == 0) return "a code length repeats the one before the first";
            length = symbol == 16 ? lengths[known - 1] : 0;
            repeats = symbol == 16 ? 3 + from.take(stream, 2) : symbol == 17 ? 3 + from.take(stream, 3) : 11 + from.take(stream, 7);
        }
        from.end_turn(stream);
        if (repeats > count - known) return "more code lengths than codes";
        std::fill_n(lengths.begin() + static_cast<std::ptrdiff_t>(known), repeats, length);
        known += repeats;
    }
    const std::span<const std::uint8_t> all(lengths.data(), count);
    if (!make_literal_table(all.first(literal_codes), tables)) return "the code of literals and lengths is no prefix code";
    if (!make_distance_table(all.subspan(literal_codes), tables)) return "the code of distances is no prefix code";
    return no_problem;
}

void make_fixed_tables(Tables& tables) {
    std::array<std::uint8_t, distance_symbols> distances{};
    distances.fill(fixed_distance_length);
    make_literal_table(fixed_literal_lengths, tables);
    make_distance_table(distances, tables);
}

unsigned take_value(Streams& from, std::size_t stream, Entry entry) {
    from.take(stream, code_bits(entry));
    return base_of(entry) + from.take(stream, all_bits(entry) - code_bits(entry));
}

/// A stream's turn that is a distance; false for an invalid code.
bool read_distance(Streams& from, const Tables& tables, std::size_t stream, Symbols& to) {
    const Entry entry = look_up(tables.entries, distance_table_start, distance_table_bits, from.peek(stream));
    if (entry & special_flag) return false;
    to.distances[to.distance_count++] = take_value(from, stream, entry);
    from.end_turn(stream);
    return true;
}

/// Symbols up to the end of the block, then the distances that are still owed.
std::string_view read_symbols(Streams& from, const Tables& tables, std::size_t most_bytes, Symbols& to) {
    Turn turn = turns().symbols(from, tables, most_bytes, to, {});
    for (std::size_t stream = turn.stream;; stream = (stream + 1) % streams) {
        if (stream == 0) {
            if (from.overrun()) return ends_early;
            if (to.above(most_bytes)) return too_long;
        }
        const std::uint32_t own = 1U << stream;
        if (turn.owes_distance & own) {
            if (!read_distance(from, tables, stream, to)) return "a distance has an invalid code";
            turn.owes_distance ^= own;
            continue;
        }
        const Entry entry = look_up(tables.entries, 0, literal_table_bits, from.peek(stream));
        if (entry & literal_flag) {
            from.take(stream, code_bits(entry));
            to.literals[to.literal_count++] = static_cast<std::uint8_t>(base_of(entry));
        } else if (entry & length_flag) {
            to.lengths[to.length_count++] = static_cast<std::uint32_t>(to.literal_count << 16) + take_value(from, stream, entry);
            turn.owes_distance |= own;
        } else if (base_of(entry) == block_end) {
            from.take(stream, code_bits(entry));
            from.end_turn(stream);
            for (std::size_t after = (stream + 1) % streams; after != stream; after = (after + 1) % streams) {
                if ((turn.owes_distance >> after & 1) && !read_distance(from, tables, after, to)) return "a distance has an invalid code";
            }
            return to.above(most_bytes) ? too_long : no_problem;
        } else {
            return "a literal or length has an invalid code";
        }
        from.end_turn(stream);
    }
}

std::string_view read_stored(Streams& from, std::size_t most_bytes, Symbols& to) {
    const std::size_t count = from.take(0, 16);
    if (to.above(most_bytes) || count > most_bytes - to.literal_count) return too_long;
    if (count == 0) {
        from.end_turn(0);
        return no_problem;
    }
    // The first byte belongs to the turn that read the length.
    std::size_t done = 0;
    const auto read_byte = [&] {
        const std::size_t stream = done++ % streams;
        to.literals[to.literal_count++] = static_cast<std::uint8_t>(from.take(stream, 8));
        from.end_turn(stream);
    };
    while (done < std::min(count, streams)) read_byte();
    done += turns().stored(from, count - done, to);
    while (done < count && !from.overrun()) read_byte();
    return no_problem;
}

}  // namespace

std::string_view PageDecoder::decode(std::span<const std::uint8_t> page, std::span<std::uint8_t> out) {
    if (page.size() % word_bytes != 0) return "the page is no whole number of words";
    Streams from(page);
    auto& [symbols, tables, has_fixed_tables] = *state_;
    symbols.literal_count = symbols.length_count = symbols.distance_count = 0;
    for (bool last = false; !last;) {
        if (from.overrun()) return ends_early;
        last = from.take(0, 1) != 0;
        const auto type = static_cast<BlockType>(from.take(0, 2));
        std::string_view problem = "a block of an unknown type";
        if (type == BlockType::stored) {
            problem = read_stored(from, out.size(), symbols);
        } else if (type == BlockType::fixed) {
            from.end_turn(0);
            if (!has_fixed_tables) make_fixed_tables(tables);
            has_fixed_tables = true;
            problem = read_symbols(from, tables, out.size(), symbols);
        } else if (type == BlockType::dynamic) {
            const std::size_t literal_codes = first_length_symbol + from.take(0, 5);
            const std::size_t distance_codes = 1 + from.take(0, 5);
            const std::size_t precode_lengths = 4 + from.take(0, 4);
            from.end_turn(0);
            has_fixed_tables = false;
            if (literal_codes > literal_symbols) return "more codes of lengths than there are";
            problem = read_tables(from, literal_codes, distance_codes, precode_lengths, tables);
            if (problem.empty()) problem = read_symbols(from, tables, out.size(), symbols);
        }
        if (!problem.empty()) return problem;
    }
    if (from.overrun()) return ends_early;
    if (from.words_left() > 0) return "words behind those of the last block";
    if (!turns().write(symbols, out)) return "matches reach before the first byte or give another size";
    return no_problem;
}

}  // namespace plumb::kernels::codec::gdeflate
