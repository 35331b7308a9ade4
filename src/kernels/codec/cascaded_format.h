// SPDX-License-Identifier: Apache-2.0
// Sizes and places of spec.md that encoder and decoder of `cascaded` share, and the memory that both work in.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "kernels/codec/cascaded_layers.h"
#include "kernels/codec/codec.h"

namespace plumb::kernels::codec::cascaded {

/// What is done to each inner chunk; stands in the head of the chunk.
struct Layers {
    Element element = Element::i32;
    int rle = 2;
    int delta = 1;
    bool bitpack = true;
};
inline constexpr int most_rle = 7;
inline constexpr int most_delta = 3;
inline constexpr std::size_t elements_in_order = 8;

inline constexpr std::size_t head_bytes = 8;

constexpr std::size_t round_up(std::size_t bytes, std::size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}
/// What inner chunks and arrays of elements start at a multiple of.
constexpr std::size_t alignment_of(std::size_t element_bytes) {
    return element_bytes < 4 ? 4 : element_bytes;
}
/// Also the most that `bytes` can become: the raw copy in its head.
constexpr std::size_t raw_bytes(std::size_t bytes) {
    return head_bytes + round_up(bytes, 4);
}

/// Of an inner chunk: where the first values of the delta layers stand, and where the arrays begin.
constexpr std::size_t first_values_at(const Layers& layers, std::size_t element_bytes) {
    const std::size_t sizes_end = 4 * (static_cast<std::size_t>(layers.rle) + 2);
    return layers.delta == 0 ? sizes_end : round_up(sizes_end, element_bytes);
}
constexpr std::size_t inner_head_bytes(const Layers& layers, std::size_t element_bytes) {
    return round_up(first_values_at(layers, element_bytes) + static_cast<std::size_t>(layers.delta) * element_bytes, 4);
}

/// Of a packed array: reference, then the word with bits and count, then the data.
constexpr std::size_t packed_count_at(std::size_t element_bytes) {
    return alignment_of(element_bytes);
}
constexpr std::size_t packed_data_at(std::size_t element_bytes) {
    return 2 * alignment_of(element_bytes);
}
constexpr std::size_t packed_data_bytes(std::size_t elements, unsigned bits) {
    return (elements * bits + 31) / 32 * 4;
}

/// The longest inner chunk: elements of one byte, seven arrays of run lengths, none packed.
inline constexpr std::size_t longest_inner_chunk = 128 + most_rle * (8 + 2 * inner_bytes) + 16 + inner_bytes;

/// Arrays of one inner chunk. std::byte, so that it can hold elements of any type.
struct Scratch {
    alignas(64) std::byte values[2][inner_bytes + padding];
    alignas(64) std::byte counts[2 * inner_bytes + padding];
    alignas(64) std::byte chunk[longest_inner_chunk + padding];

    template <class Word>
    Word* words(std::size_t which) {
        return reinterpret_cast<Word*>(values[which]);
    }
    std::uint16_t* run_lengths() { return reinterpret_cast<std::uint16_t*>(counts); }
    std::uint8_t* inner_chunk() { return reinterpret_cast<std::uint8_t*>(chunk); }
};

template <class Number>
Number load(const std::uint8_t* from) {
    Number number;
    std::memcpy(&number, from, sizeof(number));
    return number;
}
template <class Number>
void store(std::uint8_t* to, Number number) {
    std::memcpy(to, &number, sizeof(number));
}

/// Calls action(Word()) with the unsigned integer of the element's size.
template <class Action>
auto with_word_of(Element element, Action action) {
    switch (size_of(element)) {
        case 1:
            return action(std::uint8_t());
        case 2:
            return action(std::uint16_t());
        case 4:
            return action(std::uint32_t());
        default:
            return action(std::uint64_t());
    }
}

}  // namespace plumb::kernels::codec::cascaded
