// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/gdeflate_huffman.h"

#include <algorithm>

namespace plumb::kernels::codec::gdeflate {
namespace {

constexpr unsigned symbol_bits = 10;
constexpr std::uint32_t symbol_mask = (1U << symbol_bits) - 1;

/// How many leaves of Huffman's tree lie at each depth, for at least two weights in ascending order. The tree is built from two queues:
/// leaves, and inner nodes, which come out in ascending order by themselves.
std::array<unsigned, literal_symbols> leaves_by_depth(std::span<const std::uint32_t> weights) {
    const std::size_t leaves = weights.size();
    std::array<std::uint32_t, literal_symbols> inner{};
    std::array<std::uint16_t, literal_symbols> inner_parent{};
    std::array<std::uint16_t, literal_symbols> leaf_parent{};
    std::size_t leaf = 0;
    std::size_t oldest = 0;
    for (std::size_t made = 0; made + 1 < leaves; ++made) {
        for (int child = 0; child < 2; ++child) {
            if (leaf < leaves && (oldest == made || weights[leaf] <= inner[oldest])) {
                leaf_parent[leaf] = static_cast<std::uint16_t>(made);
                inner[made] += weights[leaf++];
            } else {
                inner_parent[oldest] = static_cast<std::uint16_t>(made);
                inner[made] += inner[oldest++];
            }
        }
    }
    std::array<std::uint16_t, literal_symbols> depth{};
    for (std::size_t node = leaves - 1; node-- > 0;) {
        if (node != leaves - 2) depth[node] = static_cast<std::uint16_t>(depth[inner_parent[node]] + 1);
    }
    std::array<unsigned, literal_symbols> counts{};
    for (std::size_t i = 0; i < leaves; ++i) ++counts[depth[leaf_parent[i]] + 1U];
    return counts;
}

/// Lifts the leaves below `limit` up to it, then pays for the room they take by pushing down the deepest leaves above it.
void limit_depth(std::array<unsigned, literal_symbols>& counts, unsigned limit) {
    std::int64_t excess = -(std::int64_t{1} << limit);
    for (std::size_t depth = limit + 1; depth < counts.size(); ++depth) {
        counts[limit] += counts[depth];
        counts[depth] = 0;
    }
    for (unsigned depth = 1; depth <= limit; ++depth) excess += std::int64_t{counts[depth]} << (limit - depth);
    for (; excess > 0; --excess) {
        unsigned depth = limit - 1;
        while (counts[depth] == 0) --depth;
        // One leaf at the limit moves beside a leaf that is pushed down by one level: the room of one leaf at the limit is won.
        --counts[depth];
        counts[depth + 1] += 2;
        --counts[limit];
    }
}

}  // namespace

void make_lengths(std::span<const std::uint32_t> frequencies, unsigned limit, std::span<std::uint8_t> lengths) {
    std::array<std::uint32_t, literal_symbols> sorted{};
    std::size_t used = 0;
    for (std::uint32_t symbol = 0; symbol < frequencies.size(); ++symbol) {
        if (frequencies[symbol] > 0) sorted[used++] = frequencies[symbol] << symbol_bits | symbol;
    }
    for (std::uint32_t symbol = 0; used < 2; ++symbol) {
        if (frequencies[symbol] == 0) sorted[used++] = symbol;
    }
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(used));
    std::array<std::uint32_t, literal_symbols> weights{};
    for (std::size_t i = 0; i < used; ++i) weights[i] = sorted[i] >> symbol_bits;
    auto counts = leaves_by_depth({weights.data(), used});
    limit_depth(counts, limit);
    std::fill(lengths.begin(), lengths.end(), std::uint8_t{0});
    std::size_t next = 0;
    for (unsigned bits = limit; bits > 0; --bits) {
        for (unsigned i = 0; i < counts[bits]; ++i) lengths[sorted[next++] & symbol_mask] = static_cast<std::uint8_t>(bits);
    }
}

void make_codes(std::span<const std::uint8_t> lengths, std::span<std::uint16_t> codes) {
    std::array<unsigned, longest_code + 1> next{};
    for (const std::uint8_t bits : lengths) ++next[bits];
    unsigned code = 0;
    next[0] = 0;
    for (unsigned bits = 1; bits <= longest_code; ++bits) {
        const unsigned count = next[bits];
        next[bits] = code;
        code = (code + count) << 1;
    }
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
        const unsigned bits = lengths[symbol];
        unsigned value = bits > 0 ? next[bits]++ : 0;
        unsigned reversed = 0;
        for (unsigned i = 0; i < bits; ++i, value >>= 1) reversed = reversed << 1 | (value & 1);
        codes[symbol] = static_cast<std::uint16_t>(reversed);
    }
}

}  // namespace plumb::kernels::codec::gdeflate
