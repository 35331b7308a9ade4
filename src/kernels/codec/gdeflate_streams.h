// SPDX-License-Identifier: Apache-2.0
// The reading side of a page: 32 bit streams dealt out of one row of 32-bit words, little-endian. Whoever's turn ends with fewer than 32
// bits left takes the next word. Stored by member, not by stream, so that a vector holds one member of neighbouring streams.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/codec/gdeflate_format.h"

namespace plumb::kernels::codec::gdeflate {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

/// Between turns a stream has its bits from bit `position`, 0 to 32, of `current` on, then `next`.
class Streams {
  public:
    alignas(64) std::uint32_t current[streams];
    alignas(64) std::uint32_t next[streams];
    alignas(64) std::uint32_t position[streams];

    /// Deals the first word to each stream. `page`, of whole words, must outlive the reading.
    explicit Streams(std::span<const std::uint8_t> page) : words_(page.data()), count_(page.size() / word_bytes) {
        for (std::size_t stream = 0; stream < streams; ++stream) {
            current[stream] = 0;
            next[stream] = take_word();
            position[stream] = 32;
        }
    }
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

    /// The bits to come, at least 32 less those taken in this turn.
    std::uint32_t peek(std::size_t stream) const {
        return static_cast<std::uint32_t>((std::uint64_t{next[stream]} << 32 | current[stream]) >> position[stream]);
    }
    std::uint32_t take(std::size_t stream, unsigned bits) {
        const std::uint32_t value = peek(stream) & ((1U << bits) - 1);
        position[stream] += bits;
        return value;
    }
    void end_turn(std::size_t stream) {
        if (position[stream] <= 32) return;
        position[stream] -= 32;
        current[stream] = next[stream];
        next[stream] = take_word();
    }

    /// Whether a stream wanted a word behind the page; it got zeros.
    bool overrun() const { return used_ > count_; }
    std::size_t words_left() const { return used_ < count_ ? count_ - used_ : 0; }

    /// The next word to be dealt, with at least 32 words to read from there on: behind the page's end they are zeros.
    /// Give back what was taken with skip(). For as long as overrun() is false.
    const std::uint8_t* words_of_a_round() {
        if (words_left() < streams && words_ != tail_) {
            const std::size_t bytes = words_left() * word_bytes;
            if (bytes > 0) std::memcpy(tail_, words_ + used_ * word_bytes, bytes);
            std::memset(tail_ + bytes, 0, sizeof(tail_) - bytes);
            words_ = tail_;
            count_ = bytes / word_bytes;
            used_ = 0;
        }
        return words_ + used_ * word_bytes;
    }
    void skip(std::size_t words) { used_ += words; }

  private:
    std::uint32_t take_word() {
        std::uint32_t word = 0;
        if (used_ < count_) std::memcpy(&word, words_ + used_ * word_bytes, word_bytes);
        ++used_;
        return word;
    }

    const std::uint8_t* words_;
    std::size_t count_;
    std::size_t used_ = 0;
    alignas(64) std::uint8_t tail_[3 * streams * word_bytes];
};

}  // namespace plumb::kernels::codec::gdeflate
