// SPDX-License-Identifier: Apache-2.0
// What a page is cut into before its symbols get codes: literals and matches, one 32-bit token each, so that later passes need no branch.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_format.h"

namespace plumb::kernels::codec::gdeflate {

using Page = std::span<const std::uint8_t>;

/// A literal's byte, or a match: its length, 3 to 65,535, in the upper half, its distance in the lower.
using Token = std::uint32_t;
constexpr Token match_token(unsigned length, std::size_t distance) {
    return length << 16 | static_cast<Token>(distance);
}
constexpr bool is_match(Token token) {
    return token >> 16 != 0;
}
constexpr std::size_t bytes_of(Token token) {
    return is_match(token) ? token >> 16 : 1;
}

/// All bits or none: choosing by masks, since compilers turn ?: into branches, which data as good as random makes slow.
constexpr std::uint32_t mask_of(bool condition) {
    return 0U - static_cast<std::uint32_t>(condition);
}
constexpr std::uint32_t choose(std::uint32_t mask, std::uint32_t where_set, std::uint32_t elsewhere) {
    return (where_set & mask) | (elsewhere & ~mask);
}

/// The tokens of a page, in order.
class Tokens {
  public:
    void clear() { count_ = 0; }
    void add(Token token) { tokens_[count_++] = token; }
    void add_literals(Page bytes) {
        for (const std::uint8_t byte : bytes) add(byte);
    }
    /// For a loop that keeps the place of the next token with it: where it is, and where it is then.
    Token* next() { return tokens_.data() + count_; }
    void set_next(const Token* next) { count_ = static_cast<std::size_t>(next - tokens_.data()); }
    std::span<const Token> all() const { return {tokens_.data(), count_}; }

  private:
    std::array<Token, page_bytes> tokens_;
    std::size_t count_ = 0;
};

/// The symbols of a length, counted from first_length_symbol, and of a distance. Ranges double in width every four and every two symbols,
/// so that the highest bits of what lies above the least value are the symbol; see length_ranges and distance_ranges.
constexpr unsigned length_symbol(unsigned length) {
    const unsigned above = length - least_match;
    if (above < 8) return above;
    const auto highest = static_cast<unsigned>(std::bit_width(above)) - 1;
    return std::min(4 * (highest - 1) + (above >> (highest - 2) & 3), length_symbols - 1);
}
constexpr unsigned distance_symbol(unsigned distance) {
    const unsigned above = distance - 1;
    if (above < 2) return above;
    const auto highest = static_cast<unsigned>(std::bit_width(above)) - 1;
    return 2 * highest + (above >> (highest - 1) & 1);
}

}  // namespace plumb::kernels::codec::gdeflate
