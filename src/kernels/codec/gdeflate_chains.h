// SPDX-License-Identifier: Apache-2.0
// Chains of earlier positions with the same bytes, for thorough searches. All of a page is indexed before any of it is looked up: one pass
// without branches, which costs less than what lookups would leave out.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/codec/gdeflate_tokens.h"

namespace plumb::kernels::codec::gdeflate {

/// How hard to look.
struct Effort {
    unsigned depth = 0;        ///< earlier places of the same four bytes that are looked at
    unsigned good_enough = 0;  ///< a match of this length ends the search
    unsigned delay = 0;        ///< how often a match may be put off for a better one a byte later
    unsigned passes = 0;       ///< shortest-path passes; 0: take what a search by position finds
};

class Chains {
  public:
    /// Searches read so many bytes at once: below that from the end nothing is found, and no page of so few bytes is indexed.
    static constexpr std::size_t read_ahead = 8;

    /// Nothing is left of the page before.
    void index(Page page) {
        index<4>(page, before_);
        index<3>(page, triple_before_);
    }

    /// Gives each match at `at` that is longer than all before it, and than `longer_than`, to take(length, distance).
    template <class Take>
    void search(Page page, std::size_t at, const Effort& effort, unsigned longer_than, const Take& take) const {
        const std::uint8_t* const bytes = page.data();
        const std::uint8_t* const here = bytes + at;
        const std::uint32_t four = load<std::uint32_t>(here);
        const auto most = static_cast<unsigned>(std::min<std::size_t>(page.size() - at, longest_match));
        unsigned best = std::max(longer_than, least_match - 1);
        if (best < least_match) {
            const std::size_t triple = triple_before_[at];
            if (triple != 0 && at - triple <= far_triple && first_three(load<std::uint32_t>(bytes + triple)) == first_three(four)) {
                best = least_match;
                take(best, static_cast<unsigned>(at - triple));
            }
        }
        unsigned depth = effort.depth;
        for (std::size_t from = before_[at]; from != 0 && depth > 0 && best < most; --depth, from = before_[from]) {
            // The last byte that would make a longer match, first: it rules out most.
            if (bytes[from + best] != here[best] || load<std::uint32_t>(bytes + from) != four) continue;
            const unsigned length = common_length(here, bytes + from, most);
            if (length <= best) continue;
            best = length;
            take(best, static_cast<unsigned>(at - from));
            if (best >= effort.good_enough) return;
        }
    }

  private:
    static constexpr unsigned hash_bits = 15;
    /// A match of three bytes from farther away costs about what three literals do.
    static constexpr std::size_t far_triple = 4096;

    template <class Value>
    static Value load(const std::uint8_t* from) {
        Value value;
        std::memcpy(&value, from, sizeof(value));
        return value;
    }
    static std::uint32_t first_three(std::uint32_t bytes) { return bytes << 8; }

    /// How far the bytes are the same, up to `most`; the first four are.
    static unsigned common_length(const std::uint8_t* a, const std::uint8_t* b, unsigned most) {
        unsigned length = 4;
        for (; length + 8 <= most; length += 8) {
            const std::uint64_t difference = load<std::uint64_t>(a + length) ^ load<std::uint64_t>(b + length);
            if (difference != 0) return length + static_cast<unsigned>(std::countr_zero(difference)) / 8;
        }
        while (length < most && a[length] == b[length]) ++length;
        return length;
    }

    template <unsigned bytes>
    void index(Page page, std::uint16_t* before) {
        std::memset(heads_, 0, sizeof(heads_));
        for (std::size_t at = 0; at + 4 <= page.size(); ++at) {
            const auto four = load<std::uint32_t>(page.data() + at);
            std::uint16_t& head = heads_[(bytes == 3 ? first_three(four) : four) * 0x9e3779b1U >> (32 - hash_bits)];
            before[at] = head;
            head = static_cast<std::uint16_t>(at);
        }
    }

    std::uint16_t heads_[1U << hash_bits];
    // By position: the last one before it of the same hash of four bytes and of three. Position 0 stands for none.
    std::uint16_t before_[page_bytes];
    std::uint16_t triple_before_[page_bytes];
};

}  // namespace plumb::kernels::codec::gdeflate
