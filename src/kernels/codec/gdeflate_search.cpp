// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/gdeflate_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/codec/gdeflate_blocks.h"

namespace plumb::kernels::codec::gdeflate {
namespace {

/// What a match saves, in quarters of a byte: far ones cost more bits, as many as their distance has.
int worth(unsigned length, unsigned distance) {
    return static_cast<int>(4 * length) - static_cast<int>(std::bit_width(distance));
}

/// Prices of symbols by their frequencies, in 16ths of a bit, with their extra bits.
struct Prices {
    static constexpr unsigned priced_lengths = 259;  ///< from there on all cost the same
    std::array<std::uint32_t, 256> literals{};
    std::array<std::uint32_t, priced_lengths + 1> lengths{};
    std::array<std::uint32_t, distance_symbols> distances{};

    explicit Prices(const Frequencies& frequencies) {
        const auto literal_prices = of_symbols(frequencies.literals);
        const auto distance_prices = of_symbols(frequencies.distances);
        std::copy_n(literal_prices.begin(), literals.size(), literals.begin());
        for (unsigned length = least_match; length <= priced_lengths; ++length) {
            const unsigned symbol = length_symbol(length);
            lengths[length] = literal_prices[first_length_symbol + symbol] + 16U * length_ranges[symbol].extra_bits;
        }
        for (std::size_t i = 0; i < distance_symbols; ++i) distances[i] = distance_prices[i] + 16U * distance_ranges[i].extra_bits;
    }
    std::uint32_t length(unsigned bytes) const { return lengths[std::min(bytes, priced_lengths)]; }

  private:
    template <std::size_t symbols>
    static std::array<std::uint32_t, symbols> of_symbols(const std::array<std::uint32_t, symbols>& counts) {
        double total = 1;
        for (const std::uint32_t count : counts) total += count;
        std::array<std::uint32_t, symbols> prices{};
        // One that has not occurred may yet be worth it.
        for (std::size_t i = 0; i < symbols; ++i)
            prices[i] =
                static_cast<std::uint32_t>(16 * std::min(std::log2(total / std::max(0.5, double{1} * counts[i])), double{longest_code}));
        return prices;
    }
};

}  // namespace

void lazy_search(Page page, const Effort& effort, Chains& chains, Tokens& tokens) {
    if (page.size() <= Chains::read_ahead) return tokens.add_literals(page);
    chains.index(page);
    struct Found {
        unsigned length = 0;
        unsigned distance = 0;
    };
    const auto find = [&](std::size_t at, unsigned depth, unsigned longer_than) {
        Found found;
        Effort here = effort;
        here.depth = depth;
        chains.search(page, at, here, longer_than, [&](unsigned length, unsigned distance) { found = {length, distance}; });
        return found;
    };
    const std::size_t end = page.size() - Chains::read_ahead;
    tokens.add(page[0]);
    std::size_t at = 1;
    while (at < end) {
        Found found = find(at, effort.depth, 0);
        if (found.length == 0) {
            tokens.add(page[at++]);
            continue;
        }
        unsigned depth = effort.depth;
        for (unsigned delay = 1; delay <= effort.delay && found.length < effort.good_enough && at + delay < end; ++delay) {
            depth = (depth + 1) / 2;
            const Found later = find(at + delay, depth, found.length - 1);
            const int put_off = 2 * static_cast<int>(delay);
            if (later.length == 0 || worth(later.length, later.distance) <= worth(found.length, found.distance) + put_off) continue;
            found = later;
            for (; delay > 0; --delay) tokens.add(page[at++]);
            depth = effort.depth;
        }
        tokens.add(match_token(found.length, found.distance));
        at += found.length;
    }
    tokens.add_literals(page.subspan(at));
}

void CheapestPath::find_matches(Page page, const Effort& effort, const Chains& chains) {
    matches_.clear();
    const std::size_t end = page.size() - Chains::read_ahead;
    std::size_t skip_to = 1;
    for (std::size_t at = 0; at <= page.size(); ++at) {
        first_match_[at] = static_cast<std::uint32_t>(matches_.size());
        if (at < skip_to || at >= end) continue;
        unsigned longest = 0;
        chains.search(page, at, effort, 0, [&](unsigned length, unsigned distance) {
            matches_.push_back(match_token(length, distance));
            longest = length;
        });
        // Inside a match that is good enough nothing better is looked for: runs would take quadratic time.
        if (longest >= effort.good_enough) skip_to = at + longest;
    }
}

void CheapestPath::walk(Page page, const Tokens& tokens) {
    const Prices prices{Frequencies(tokens.all())};
    std::fill_n(price_, page.size() + 1, std::numeric_limits<std::uint32_t>::max());
    price_[0] = 0;
    const auto offer = [&](std::size_t to, std::uint32_t price, Token token) {
        if (price >= price_[to]) return;
        price_[to] = price;
        last_[to] = token;
    };
    for (std::size_t at = 0; at < page.size(); ++at) {
        const std::uint32_t here = price_[at];
        offer(at + 1, here + prices.literals[page[at]], page[at]);
        unsigned length = least_match;
        for (std::uint32_t i = first_match_[at]; i < first_match_[at + 1]; ++i) {
            const unsigned distance = matches_[i] & 0xffff;
            const unsigned longest = matches_[i] >> 16;
            const std::uint32_t with_distance = here + prices.distances[distance_symbol(distance)];
            for (; length <= std::min(longest, Prices::priced_lengths); ++length)
                offer(at + length, with_distance + prices.lengths[length], match_token(length, distance));
            offer(at + longest, with_distance + prices.length(longest), match_token(longest, distance));
        }
    }
}

void CheapestPath::trace_back(Page page, Tokens& tokens) {
    // The tokens in reverse, in the part of the row that the walk back has left behind.
    std::size_t first = page.size() + 1;
    for (std::size_t at = page.size(); at > 0;) {
        const Token token = last_[at];
        at -= bytes_of(token);
        last_[--first] = token;
    }
    tokens.clear();
    for (; first <= page.size(); ++first) tokens.add(last_[first]);
}

void CheapestPath::search(Page page, const Effort& effort, const Chains& chains, Tokens& tokens) {
    if (page.size() <= Chains::read_ahead) return;
    find_matches(page, effort, chains);
    for (unsigned pass = 0; pass < effort.passes; ++pass) {
        walk(page, tokens);
        trace_back(page, tokens);
    }
}

}  // namespace plumb::kernels::codec::gdeflate
