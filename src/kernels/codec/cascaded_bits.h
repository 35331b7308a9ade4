// SPDX-License-Identifier: Apache-2.0
// Streams of bits for the kernels of `cascaded`: the lowest bit of a byte comes first.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace plumb::kernels::codec::cascaded {

inline std::uint64_t load64(const std::uint8_t* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    return word;
}
inline void store64(std::uint8_t* to, std::uint64_t word) {
    std::memcpy(to, &word, sizeof(word));
}
/// The lowest `bits` bits, 1 to 64.
inline std::uint64_t low_mask(unsigned bits) {
    return ~std::uint64_t{0} >> (64 - bits);
}

/// Writes numbers of one width after each other. Each push overwrites up to 8 bytes from where it stands.
class BitWriter {
  public:
    explicit BitWriter(std::uint8_t* to) : to_(to) {}

    /// `number` < 2^bits, bits <= 56: whole bytes leave at once, without a branch.
    void push_narrow(std::uint64_t number, unsigned bits) {
        held_ |= number << fill_;
        store64(to_, held_);
        fill_ += bits;
        to_ += fill_ / 8;
        held_ >>= fill_ / 8 * 8;
        fill_ %= 8;
    }
    /// `number` < 2^bits, bits <= 64. Not to be mixed with push_narrow.
    void push_wide(std::uint64_t number, unsigned bits) {
        held_ |= number << fill_;
        const unsigned end = fill_ + bits;
        if (end < 64) {
            fill_ = end;
            return;
        }
        store64(to_, held_);
        to_ += 8;
        held_ = fill_ == 0 ? 0 : number >> (64 - fill_);
        fill_ = end - 64;
    }
    void push(std::uint64_t number, unsigned bits) { bits <= 56 ? push_narrow(number, bits) : push_wide(number, bits); }
    void finish() { store64(to_, held_); }

  private:
    std::uint8_t* to_;
    std::uint64_t held_ = 0;
    unsigned fill_ = 0;
};

/// `bits` bits, 1 to 64, from bit `position` on; reads 9 bytes from the first one's byte.
inline std::uint64_t read_bits(const std::uint8_t* from, std::size_t position, unsigned bits) {
    const std::uint8_t* byte = from + position / 8;
    const unsigned skip = position % 8;
    const std::uint64_t above = skip == 0 ? 0 : std::uint64_t{byte[8]} << (64 - skip);
    return (load64(byte) >> skip | above) & low_mask(bits);
}

/// What a step of for_groups may read: eight numbers of 64 bits and the byte behind them.
inline constexpr std::size_t most_span = 72;

/// Calls step(bytes, g) for each group of elements; group g begins at byte g * group_bytes, and its step reads `span` bytes from there.
/// Where fewer are readable, the step gets a copy with zeros behind it. Only zeros are missing then: `readable` covers all elements.
/// Always a part of its caller: a step for vectors cannot become a part of a function that is compiled for no vectors.
template <class Step>
[[gnu::always_inline]] inline void for_groups(const std::uint8_t* data, std::size_t readable, std::size_t groups, std::size_t group_bytes,
                                              std::size_t span, Step step) {
    std::size_t g = 0;
    if (readable >= span) {
        const std::size_t whole = group_bytes == 0 ? groups : (readable - span) / group_bytes + 1;
        for (const std::size_t end = whole < groups ? whole : groups; g < end; ++g) step(data + g * group_bytes, g);
    }
    if (g == groups) return;
    std::uint8_t rest[2 * most_span] = {};
    std::memcpy(rest, data + g * group_bytes, std::min(readable - g * group_bytes, most_span));
    for (std::size_t r = 0; g < groups; ++g, ++r) step(static_cast<const std::uint8_t*>(rest) + r * group_bytes, g);
}

}  // namespace plumb::kernels::codec::cascaded
