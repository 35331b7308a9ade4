// SPDX-License-Identifier: Apache-2.0
// The writing side of a page. Words go where the reader will look for them: a stream's place for a word is taken at the moment at which the
// reader, at the end of that stream's turn, would take the word, long before its bits are known. Stored by member, as in
// gdeflate_streams.h.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/codec/gdeflate_format.h"

namespace plumb::kernels::codec::gdeflate {

static_assert(std::endian::native == std::endian::little, "words are written as they lie");

/// Between turns a stream has 1 to 32 bits `waiting`, those of the word begun, whose place is `place`; the reader holds that word and the
/// one behind it, whose place is `next_place`. At first as if a word, written elsewhere, were full.
class StreamWriter {
  public:
    alignas(64) std::uint32_t waiting[streams];
    alignas(64) std::uint32_t count[streams];
    alignas(64) std::uint32_t place[streams];
    alignas(64) std::uint32_t next_place[streams];
    std::uint32_t words = streams;  ///< places taken

    /// `page` holds 64 words more than the bits to come fill.
    explicit StreamWriter(std::uint8_t* page) : page_(page) {
        for (std::uint32_t stream = 0; stream < streams; ++stream) {
            waiting[stream] = 0;
            count[stream] = 32;
            place[stream] = next_place[stream] = stream;
        }
    }

    /// A whole turn: the 1 to 31 low bits of `value`, whose others are 0.
    void turn(std::size_t stream, std::uint32_t value, unsigned bits) {
        const std::uint64_t all = waiting[stream] | std::uint64_t{value} << count[stream];
        write(place[stream], static_cast<std::uint32_t>(all));
        waiting[stream] = static_cast<std::uint32_t>(all);
        count[stream] += bits;
        if (count[stream] <= 32) return;
        waiting[stream] = static_cast<std::uint32_t>(all >> 32);
        count[stream] -= 32;
        place[stream] = next_place[stream];
        next_place[stream] = words++;
    }

    void write(std::uint32_t at, std::uint32_t word) { std::memcpy(page_ + word_bytes * at, &word, word_bytes); }

    /// Completes the words behind the last turns. Returns the bytes of the page.
    std::size_t finish() {
        for (std::size_t stream = 0; stream < streams; ++stream) {
            write(next_place[stream], 0);
            write(place[stream], waiting[stream]);
        }
        return word_bytes * words;
    }

  private:
    std::uint8_t* page_;
};

}  // namespace plumb::kernels::codec::gdeflate
