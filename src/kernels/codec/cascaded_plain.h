// SPDX-License-Identifier: Apache-2.0
// The kernels of `cascaded` element by element: what runs without vectors, and at the ends of arrays everywhere.
#pragma once
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/codec/cascaded_bits.h"
#include "kernels/codec/cascaded_layers.h"

namespace plumb::kernels::codec::cascaded::plain {

template <class Word>
std::size_t find_runs(const Word* in, std::size_t elements, Word* values, std::uint16_t* counts) {
    std::size_t runs = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i + 1 < elements; ++i) {
        values[runs] = in[i];
        counts[runs] = static_cast<std::uint16_t>(i + 1 - start);
        const bool ends = in[i] != in[i + 1];
        runs += ends ? 1 : 0;
        start = ends ? i + 1 : start;
    }
    if (elements == 0) return 0;
    values[runs] = in[elements - 1];
    counts[runs] = static_cast<std::uint16_t>(elements - start);
    return runs + 1;
}

template <class Word>
void differences(const Word* in, std::size_t elements, Word* out) {
    for (std::size_t i = 0; i + 1 < elements; ++i) out[i] = static_cast<Word>(in[i + 1] - in[i]);
}

template <class Number, class Word>
Range<Word> range_as(const Word* in, std::size_t elements) {
    auto low = static_cast<Number>(in[0]);
    Number high = low;
    for (std::size_t i = 1; i < elements; ++i) {
        low = std::min(low, static_cast<Number>(in[i]));
        high = std::max(high, static_cast<Number>(in[i]));
    }
    return {static_cast<Word>(low), static_cast<Word>(high)};
}
template <class Word>
Range<Word> range(const Word* in, std::size_t elements, bool as_signed) {
    return as_signed ? range_as<std::make_signed_t<Word>>(in, elements) : range_as<Word>(in, elements);
}

template <class Word>
void pack(const Word* in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* out) {
    BitWriter writer(out);
    if (bits <= 56) {
        for (std::size_t i = 0; i < elements; ++i) writer.push_narrow(static_cast<Word>(in[i] - reference), bits);
    } else {
        for (std::size_t i = 0; i < elements; ++i) writer.push_wide(static_cast<Word>(in[i] - reference), bits);
    }
    writer.finish();
}

template <class Word>
void unpack(const PackedArray<Word>& in, Word* out) {
    if (in.bits == 0) {
        std::fill(out, out + in.elements, in.reference);
        return;
    }
    const std::size_t groups = (in.elements + 7) / 8;
    for_groups(in.data, in.readable, groups, in.bits, in.bits + 8, [&](const std::uint8_t* bytes, std::size_t g) {
        for (std::size_t k = 0; k < 8; ++k) out[8 * g + k] = static_cast<Word>(read_bits(bytes, k * in.bits, in.bits) + in.reference);
    });
}

template <class Word>
void widen(const std::uint8_t* in, std::size_t elements, Word reference, Word* out) {
    for (std::size_t i = 0; i < elements; ++i) out[i] = static_cast<Word>(in[i] + reference);
}

template <class Word>
void add_up(const Word* in, std::size_t elements, Word first, Word* out) {
    Word sum = first;
    out[0] = sum;
    for (std::size_t i = 0; i < elements; ++i) out[i + 1] = sum = static_cast<Word>(sum + in[i]);
}

/// Where the runs so far end; false when a run does not fit.
template <class Word>
bool repeat(Word value, std::size_t count, Word* out, std::size_t elements, std::size_t& at) {
    if (count == 0 || count > elements - at) return false;
    std::fill(out + at, out + at + count, value);
    at += count;
    return true;
}

template <class Word>
bool repeat_runs(const Word* values, const std::uint16_t* counts, std::size_t runs, Word* out, std::size_t elements) {
    std::size_t at = 0;
    for (std::size_t r = 0; r < runs; ++r) {
        if (!repeat(values[r], counts[r], out, elements, at)) return false;
    }
    return at == elements;
}

inline std::size_t short_count(const PackedArray<std::uint16_t>& counts, std::size_t r) {
    const std::size_t bit = r * counts.bits;
    return 1U + ((counts.data[bit / 8] >> bit % 8) & low_mask(counts.bits));
}

template <class Word>
bool repeat_short_runs(const Word* values, const PackedArray<std::uint16_t>& counts, Word* out, std::size_t elements) {
    std::size_t at = 0;
    for (std::size_t r = 0; r < counts.elements; ++r) {
        if (!repeat(values[r], short_count(counts, r), out, elements, at)) return false;
    }
    return at == elements;
}

template <class Word>
inline constexpr LayerKernels<Word> kernels = {find_runs<Word>, differences<Word>, range<Word>,
                                               pack<Word>,      unpack<Word>,      widen<Word>,
                                               add_up<Word>,    repeat_runs<Word>, repeat_short_runs<Word>};

}  // namespace plumb::kernels::codec::cascaded::plain
