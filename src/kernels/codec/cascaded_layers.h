// SPDX-License-Identifier: Apache-2.0
// The arithmetic under the codec `cascaded` (spec.md): its layers on the arrays of one inner chunk, compiled once per instruction set.
// Every instruction set gives the same numbers, and so the same bytes.
//
// Legend: Word is the unsigned integer of the element's size; differences and sums wrap. Arrays that are written, and arrays that are read
// whole vectors at a time, are followed by `padding` bytes that a kernel may read and overwrite: those named `in` of find_runs,
// `values` and `counts` of repeat_runs, and all outputs.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace plumb::kernels::codec::cascaded {

/// Input bytes of an inner chunk; an array has at most as many elements, and so has a run.
inline constexpr std::size_t inner_bytes = 4096;
/// 64 elements of 8 bytes, which sixteen runs of four are, and a vector behind them.
inline constexpr std::size_t padding = 64 * 8 + 64;

template <class Word>
struct Range {
    Word low = 0;
    Word high = 0;
};

/// Packed numbers: element i is `reference` plus the `bits` bits from bit i * bits, counted from the lowest bit of the first byte.
template <class Word>
struct PackedArray {
    const std::uint8_t* data = nullptr;
    std::size_t readable = 0;  ///< bytes from `data` on that may be read, at least those that the elements take
    std::size_t elements = 0;
    Word reference = 0;
    unsigned bits = 0;  ///< at most those of Word
};

template <class Word>
struct LayerKernels {
    /// Runs of equal neighbours: their values and how long each is. Returns how many there are.
    std::size_t (*find_runs)(const Word* in, std::size_t elements, Word* values, std::uint16_t* counts);
    /// out[i] = in[i + 1] - in[i], one element fewer than `elements`, which is at least 1.
    void (*differences)(const Word* in, std::size_t elements, Word* out);
    /// Smallest and largest of at least one element, compared as signed numbers or not.
    Range<Word> (*range)(const Word* in, std::size_t elements, bool as_signed);
    /// Writes in[i] - reference in `bits` > 0 bits each, as PackedArray reads them; fills the last word of 32 bits with zeros.
    void (*pack)(const Word* in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* out);

    void (*unpack)(const PackedArray<Word>& in, Word* out);
    /// out[i] = in[i] + reference.
    void (*widen)(const std::uint8_t* in, std::size_t elements, Word reference, Word* out);
    /// out[0] = first, out[i + 1] = out[i] + in[i]: one element more than `elements`.
    void (*add_up)(const Word* in, std::size_t elements, Word first, Word* out);
    /// Writes values[r] counts[r] times. False when a count is 0 or the sum of the counts is not `elements`; then `out` holds anything,
    /// but nothing behind its padding is touched.
    bool (*repeat_runs)(const Word* values, const std::uint16_t* counts, std::size_t runs, Word* out, std::size_t elements);
    /// The same with counts of 1 and up that are packed in 1 or 2 bits each (reference 1).
    bool (*repeat_short_runs)(const Word* values, const PackedArray<std::uint16_t>& counts, Word* out, std::size_t elements);
};

struct Kernels {
    LayerKernels<std::uint8_t> bytes;
    LayerKernels<std::uint16_t> shorts;
    LayerKernels<std::uint32_t> words;
    LayerKernels<std::uint64_t> longs;

    template <class Word>
    const LayerKernels<Word>& of() const {
        if constexpr (sizeof(Word) == 1) return bytes;
        if constexpr (sizeof(Word) == 2) return shorts;
        if constexpr (sizeof(Word) == 4) return words;
        if constexpr (sizeof(Word) == 8) return longs;
    }
};

const Kernels& layer_kernels(Isa isa);

}  // namespace plumb::kernels::codec::cascaded
