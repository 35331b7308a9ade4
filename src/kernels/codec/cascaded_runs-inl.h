// SPDX-License-Identifier: Apache-2.0
// Runs by vectors of 32 bytes, for find_runs and repeat_runs of cascaded_layers.h. Included once per instruction set.
//
// find_runs: a bit for each element that differs from the next; eight such bits name a row of a table that moves the elements (and their
// positions) that end runs to the front. Its cost does not depend on the data.
// repeat_runs: four counts of 1 to 4 at a time name a row of a table that says which of four values goes where: up to 16 outputs, mostly
// fewer than 8. A group with a longer run is written run by run.
#if defined(PLUMB_CASCADED_RUNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CASCADED_RUNS_INL_H_
#undef PLUMB_CASCADED_RUNS_INL_H_
#else
#define PLUMB_CASCADED_RUNS_INL_H_
#endif

#include "kernels/simd_targets.h"

#include <bit>

#include <hwy/highway.h>

#include "kernels/codec/cascaded_plain.h"
#include "kernels/codec/cascaded_tables.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;

/// 32 bytes also where vectors are longer: the tables are made for that.
template <class Word>
using Wide = hn::FixedTag<Word, 32 / sizeof(Word)>;
using Bytes8 = hn::FixedTag<std::uint8_t, 8>;
using Bytes16 = hn::FixedTag<std::uint8_t, 16>;
using Shorts8 = hn::FixedTag<std::uint16_t, 8>;

/// Elements moved at a time.
template <class Word>
inline constexpr std::size_t group = sizeof(Word) == 8 ? 4 : 8;

/// out[k] = values[row[k]] for a group; row holds numbers below 8.
template <class Word>
HWY_INLINE void permute(const Word* HWY_RESTRICT values, const std::uint8_t* HWY_RESTRICT row, Word* HWY_RESTRICT out) {
    if constexpr (sizeof(Word) == 1) {
        const Bytes8 d;
        hn::StoreU(hn::TableLookupBytes(hn::LoadU(d, values), hn::LoadU(d, row)), d, out);
    } else if constexpr (sizeof(Word) == 2) {
        // Number k of two bytes is bytes 2k and 2k + 1.
        const Shorts8 d;
        const auto index = hn::PromoteTo(d, hn::LoadU(Bytes8(), row));
        const auto twice = hn::ShiftLeft<1>(index);
        const auto both = hn::Or(hn::Or(twice, hn::ShiftLeft<8>(twice)), hn::Set(d, 0x0100));
        hn::StoreU(hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(Bytes16(), hn::LoadU(d, values)), hn::BitCast(Bytes16(), both))), d,
                   out);
    } else if constexpr (sizeof(Word) == 4) {
        const Wide<Word> d;
        const auto index = hn::PromoteTo(d, hn::LoadU(Bytes8(), row));
        hn::StoreU(hn::TableLookupLanes(hn::LoadU(d, values), hn::IndicesFromVec(d, index)), d, out);
    } else {
        const Wide<Word> d;
        const hn::FixedTag<std::uint8_t, 4> d_row;
        const auto index = hn::PromoteTo(d, hn::PromoteTo(hn::FixedTag<std::uint32_t, 4>(), hn::LoadU(d_row, row)));
        hn::StoreU(hn::TableLookupLanes(hn::LoadU(d, values), hn::IndicesFromVec(d, index)), d, out);
    }
}

template <class Word>
std::size_t find_runs(const Word* HWY_RESTRICT in, std::size_t elements, Word* HWY_RESTRICT values, std::uint16_t* HWY_RESTRICT counts) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    std::uint16_t ends[inner_bytes + padding];  // behind the last element of each run
    const Shorts8 d_ends;
    auto first_end = hn::Set(d_ends, std::uint16_t{1});
    const auto step = hn::Set(d_ends, static_cast<std::uint16_t>(group<Word>));
    std::size_t runs = 0;
    std::size_t i = 0;
    for (; i + lanes < elements; i += lanes) {
        std::uint8_t bits[8];
        hn::StoreMaskBits(d, hn::Not(hn::Eq(hn::LoadU(d, in + i), hn::LoadU(d, in + i + 1))), bits);
        for (std::size_t g = 0; g < lanes / group<Word>; ++g) {
            const std::uint8_t* row = run_ends.row[bits[g]];
            permute(in + i + g * group<Word>, row, values + runs);
            hn::StoreU(hn::Add(hn::PromoteTo(d_ends, hn::LoadU(Bytes8(), row)), first_end), d_ends, ends + runs);
            first_end = hn::Add(first_end, step);
            runs += static_cast<std::size_t>(std::popcount(bits[g]));
        }
    }
    for (; i < elements; ++i) {
        values[runs] = in[i];
        ends[runs] = static_cast<std::uint16_t>(i + 1);
        runs += i + 1 == elements || in[i] != in[i + 1] ? 1 : 0;
    }
    if (runs == 0) return 0;

    const Wide<std::uint16_t> d_counts;
    counts[0] = ends[0];
    for (std::size_t r = 1; r < runs; r += 16)
        hn::StoreU(hn::Sub(hn::LoadU(d_counts, ends + r), hn::LoadU(d_counts, ends + r - 1)), d_counts, counts + r);
    return runs;
}

/// The outputs of four runs of at most four elements each: where they end.
template <class Word>
HWY_INLINE std::size_t repeat_four(const Word* HWY_RESTRICT values, std::size_t key, Word* HWY_RESTRICT out) {
    const std::uint8_t* row = short_runs.row[key];
    const std::size_t length = short_runs.length[key];
    if constexpr (sizeof(Word) == 1) {
        const Bytes16 d;
        hn::StoreU(hn::TableLookupBytes(hn::LoadU(d, values), hn::LoadU(d, row)), d, out);
    } else {
        permute(values, row, out);
        if constexpr (sizeof(Word) == 8) permute(values, row + 4, out + 4);
        if (length > 8) [[unlikely]] {
            permute(values, row + 8, out + 8);
            if constexpr (sizeof(Word) == 8) permute(values, row + 12, out + 12);
        }
    }
    return length;
}

/// False when a run of at least one element does not fit; otherwise `at` moves behind it. Writes whole vectors.
template <class Word>
HWY_INLINE bool repeat_one(Word value, std::size_t count, Word* HWY_RESTRICT out, std::size_t elements, std::size_t& at) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    const auto spread = hn::Set(d, value);
    hn::StoreU(spread, d, out + at);
    if (count > elements - at) [[unlikely]]
        return false;
    for (std::size_t k = lanes; k < count; k += lanes) hn::StoreU(spread, d, out + at + k);
    at += count;
    return true;
}

template <class Word>
bool repeat_runs(const Word* HWY_RESTRICT values, const std::uint16_t* HWY_RESTRICT counts, std::size_t runs, Word* HWY_RESTRICT out,
                 std::size_t elements) {
    std::size_t at = 0;
    std::size_t r = 0;
    for (; r + 4 <= runs; r += 4) {
        constexpr std::uint64_t ones = 0x0001000100010001;
        std::uint64_t four = 0;
        std::memcpy(&four, counts + r, sizeof(four));
        const std::uint64_t above_one = four - ones;
        if ((above_one & 0x8000 * ones) != 0) [[unlikely]]
            return false;  // a count of 0, or one that is longer than any array
        if ((above_one & ~(3 * ones)) == 0) {
            // The two bits of count k move from bit 16 k to bit 48 + 2 k.
            constexpr std::uint64_t gather = 1ULL << 48 | 1ULL << 34 | 1ULL << 20 | 1ULL << 6;
            at += repeat_four(values + r, (above_one * gather) >> 48 & 0xff, out + at);
            if (at > elements) [[unlikely]]
                return false;
        } else {
            for (std::size_t k = 0; k < 4; ++k) {
                if (!repeat_one(values[r + k], std::size_t{counts[r + k]}, out, elements, at)) [[unlikely]]
                    return false;
            }
        }
    }
    for (; r < runs; ++r) {
        if (counts[r] == 0 || !repeat_one(values[r], std::size_t{counts[r]}, out, elements, at)) return false;
    }
    return at == elements;
}

/// The outputs of Runs runs of 1 to 4 elements whose lengths are packed in Bits bits each: where they end.
template <unsigned Bits, std::size_t Runs, class Word>
HWY_INLINE std::size_t repeat_packed(const Word* HWY_RESTRICT values, const std::uint8_t* HWY_RESTRICT packed, Word* HWY_RESTRICT out) {
    std::size_t at = 0;
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Runs; r += 4) {
        const std::size_t key = Bits == 2 ? packed[r / 4] : spread_bits[packed[r / 8] >> r % 8 & 15];
        at += repeat_four(values + r, key, out + at);
    }
    return at;
}

/// Sixteen runs at a time: where they end is looked at once, which is why so many elements may be written behind the last one.
template <unsigned Bits, class Word>
bool repeat_short_runs_of(const Word* HWY_RESTRICT values, const PackedArray<std::uint16_t>& counts, Word* HWY_RESTRICT out,
                          std::size_t elements) {
    const std::uint8_t* packed = counts.data;
    const std::size_t runs = counts.elements;
    std::size_t at = 0;
    std::size_t r = 0;
    for (; r + 16 <= runs; r += 16) {
        at += repeat_packed<Bits, 16>(values + r, packed + r * Bits / 8, out + at);
        if (at > elements) [[unlikely]]
            return false;
    }
    for (; r + 8 <= runs; r += 8) {
        at += repeat_packed<Bits, 8>(values + r, packed + r * Bits / 8, out + at);
        if (at > elements) [[unlikely]]
            return false;
    }
    for (; r < runs; ++r) {
        if (!repeat_one(values[r], plain::short_count(counts, r), out, elements, at)) return false;
    }
    return at == elements;
}

template <class Word>
bool repeat_short_runs(const Word* values, const PackedArray<std::uint16_t>& counts, Word* out, std::size_t elements) {
    return counts.bits == 2 ? repeat_short_runs_of<2>(values, counts, out, elements)
                            : repeat_short_runs_of<1>(values, counts, out, elements);
}

#endif
}  // namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PLUMB_CASCADED_RUNS_INL_H_
