// SPDX-License-Identifier: Apache-2.0
// Bit packing by vectors of 32 bytes, for pack and unpack of cascaded_layers.h. Included once per instruction set.
//
// pack: neighbours are merged within lanes of twice the size until 64 bits hold as many numbers as they have elements; where those are few
// bits, two or four such lanes are merged once more. What is left is written to the stream one by one.
// unpack: eight numbers take as many bytes as one has bits, so every group of a width looks alike: bytes are moved to their lane, shifted
// and masked.
#if defined(PLUMB_CASCADED_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CASCADED_PACK_INL_H_
#undef PLUMB_CASCADED_PACK_INL_H_
#else
#define PLUMB_CASCADED_PACK_INL_H_
#endif

#include "kernels/simd_targets.h"

#include <hwy/highway.h>

#include "kernels/codec/cascaded_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

/// The numbers of a vector, `bits` each, merged into its four lanes of 64 bits.
template <class Vector>
HWY_INLINE auto merge_lanes(Vector numbers, int bits) {
    using Word = hn::TFromV<Vector>;
    if constexpr (sizeof(Word) == 8) {
        return numbers;
    } else {
        using Twice = hwy::MakeWide<Word>;
        const Wide<Twice> d;
        const auto pairs = hn::BitCast(d, numbers);
        const auto low = hn::And(pairs, hn::Set(d, static_cast<Twice>(hwy::LimitsMax<Word>())));
        const auto high = hn::ShiftRight<8 * sizeof(Word)>(pairs);
        return merge_lanes(hn::Or(low, hn::ShiftLeftSame(high, bits)), 2 * bits);
    }
}

/// Calls put(lanes) for every vector of in[i] - reference, merged into lanes of 64 bits; behind the last element the numbers are 0.
template <class Word, class Put>
HWY_INLINE void for_merged(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, unsigned bits, Put put) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    const auto low = hn::Set(d, reference);
    const int shift = static_cast<int>(bits);
    std::size_t i = 0;
    for (; i + lanes <= elements; i += lanes) put(merge_lanes(hn::Sub(hn::LoadU(d, in + i), low), shift));
    if (i == elements) return;
    alignas(32) Word rest[lanes] = {};
    for (std::size_t k = 0; i + k < elements; ++k) rest[k] = static_cast<Word>(in[i + k] - reference);
    put(merge_lanes(hn::Load(d, rest), shift));
}

using Longs = Wide<std::uint64_t>;
/// What may be missing to a word of 32 bits behind the last vector.
inline constexpr std::size_t rest_of_word = 3;

/// Lanes of at most 16 bits: all four fit into one word.
template <class Word>
void pack_few_bits(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* HWY_RESTRICT out) {
    const unsigned lane_bits = static_cast<unsigned>(8 / sizeof(Word)) * bits;
    for_merged(in, elements, reference, bits, [&](auto merged) HWY_ATTR {
        const auto pairs = hn::Or(merged, hn::ShiftLeftSame(hn::ShiftRightBytes<8>(Longs(), merged), static_cast<int>(lane_bits)));
        const std::uint64_t low = hn::GetLane(pairs);
        const std::uint64_t high = hn::GetLane(hn::UpperHalf(hn::Half<Longs>(), pairs));
        store64(out, low | high << 2 * lane_bits);
        out += lane_bits / 2;
    });
    std::memset(out, 0, rest_of_word);
}

/// Lanes of 17 to 32 bits: two words of two.
template <class Word>
void pack_some_bits(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* HWY_RESTRICT out) {
    const unsigned lane_bits = static_cast<unsigned>(8 / sizeof(Word)) * bits;
    for_merged(in, elements, reference, bits, [&](auto merged) HWY_ATTR {
        const auto pairs = hn::Or(merged, hn::ShiftLeftSame(hn::ShiftRightBytes<8>(Longs(), merged), static_cast<int>(lane_bits)));
        const std::uint64_t low = hn::GetLane(pairs);
        const std::uint64_t high = hn::GetLane(hn::UpperHalf(hn::Half<Longs>(), pairs));
        store64(out, low | high << (2 * lane_bits - 1) << 1);
        store64(out + 8, high >> (64 - 2 * lane_bits));
        out += lane_bits / 2;
    });
    std::memset(out, 0, rest_of_word);
}

/// Lanes of 33 to 56 bits, four of which fill whole bytes: each begins in a byte that the one before it has a part of.
template <class Word>
void pack_many_bits(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* HWY_RESTRICT out) {
    const unsigned lane_bits = static_cast<unsigned>(8 / sizeof(Word)) * bits;
    const unsigned second = lane_bits / 8;
    const unsigned third = 2 * lane_bits / 8;
    const unsigned fourth = 3 * lane_bits / 8;
    for_merged(in, elements, reference, bits, [&](auto merged) HWY_ATTR {
        alignas(32) std::uint64_t four[4];
        hn::Store(merged, Longs(), four);
        store64(out, four[0]);
        const std::uint64_t upto_two = four[0] >> 8 * second | four[1] << lane_bits % 8;
        store64(out + second, upto_two);
        const std::uint64_t upto_three = upto_two >> 8 * (third - second) | four[2] << 2 * lane_bits % 8;
        store64(out + third, upto_three);
        store64(out + fourth, upto_three >> 8 * (fourth - third) | four[3] << 3 * lane_bits % 8);
        out += lane_bits / 2;
    });
    std::memset(out, 0, rest_of_word);
}

/// Any width, lane by lane.
template <class Word>
void pack_any_bits(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* HWY_RESTRICT out) {
    const unsigned lane_bits = static_cast<unsigned>(8 / sizeof(Word)) * bits;
    BitWriter writer(out);
    for_merged(in, elements, reference, bits, [&](auto merged) HWY_ATTR {
        alignas(32) std::uint64_t four[4];
        hn::Store(merged, Longs(), four);
        for (int k = 0; k < 4; ++k) writer.push_wide(four[k], lane_bits);
    });
    writer.finish();
}

template <class Word>
void pack_all_bits(const Word* HWY_RESTRICT in, std::size_t elements, Word reference, std::uint8_t* HWY_RESTRICT out) {
    const Wide<Word> d;
    const Wide<std::uint8_t> d8;
    const auto low = hn::Set(d, reference);
    for (std::size_t i = 0; i < elements; i += 32 / sizeof(Word))
        hn::StoreU(hn::BitCast(d8, hn::Sub(hn::LoadU(d, in + i), low)), d8, out + i * sizeof(Word));
    std::memset(out + elements * sizeof(Word), 0, rest_of_word);
}

template <class Word>
void pack(const Word* in, std::size_t elements, Word reference, unsigned bits, std::uint8_t* out) {
    const unsigned lane_bits = static_cast<unsigned>(8 / sizeof(Word)) * bits;
    if (bits == 8 * sizeof(Word)) return pack_all_bits(in, elements, reference, out);
    if (sizeof(Word) == 8 || lane_bits > 56) return pack_any_bits(in, elements, reference, bits, out);
    if (lane_bits <= 16) return pack_few_bits(in, elements, reference, bits, out);
    return lane_bits <= 32 ? pack_some_bits(in, elements, reference, bits, out) : pack_many_bits(in, elements, reference, bits, out);
}

/// The next numbers of a stream, one in each lane, from bit `skip` of the first byte on; skip is 0 unless lanes are of 64 bits.
template <class Lane>
HWY_INLINE auto take_vector(const std::uint8_t* HWY_RESTRICT bytes, const Windows<Lane>& window, unsigned bits, unsigned skip) {
    const Wide<Lane> d;
    const Wide<std::uint8_t> d8;
    const auto halves = hn::Combine(d8, hn::LoadU(Bytes16(), bytes + upper_offset<Lane>(bits)), hn::LoadU(Bytes16(), bytes));
    const auto moved = hn::BitCast(d, hn::TableLookupBytes(halves, hn::Load(d8, window.index)));
    const auto place = hn::Load(d, window.place);
    if constexpr (sizeof(Lane) == 2) {
        return hn::ShiftRightSame(hn::Mul(moved, place), static_cast<int>(16 - bits));
    } else {
        return hn::And(hn::Shr(moved, hn::Add(place, hn::Set(d, static_cast<Lane>(skip)))), hn::Set(d, static_cast<Lane>(low_mask(bits))));
    }
}

/// Lanes to the smaller Word, which holds every number.
template <class Word, class Vector>
HWY_INLINE void store_narrow(Vector numbers, Word reference, Word* HWY_RESTRICT out) {
    using Lane = hn::TFromV<Vector>;
    constexpr std::size_t lanes = 32 / sizeof(Lane);
    const hn::FixedTag<Word, lanes> d;
    const auto low = hn::Set(d, reference);
    if constexpr (sizeof(Word) == sizeof(Lane)) {
        hn::StoreU(hn::Add(numbers, low), d, out);
    } else if constexpr (sizeof(Lane) == 8) {
        hn::StoreU(hn::Add(hn::TruncateTo(d, numbers), low), d, out);
    } else {
        // Numbers below 2^15 or 2^31 are the same with a sign, which is what the conversion that saturates takes.
        const hn::FixedTag<std::make_signed_t<Lane>, lanes> d_signed;
        hn::StoreU(hn::Add(hn::DemoteTo(d, hn::BitCast(d_signed, numbers)), low), d, out);
    }
}

template <class Lane, class Word>
void unpack_groups(const PackedArray<Word>& in, Word* HWY_RESTRICT out) {
    constexpr std::size_t lanes = 32 / sizeof(Lane);
    constexpr std::size_t numbers = std::max<std::size_t>(lanes, 8);  // they take whole bytes
    const Windows<Lane> window = windows<Lane>[in.bits];
    const std::size_t groups = (in.elements + numbers - 1) / numbers;
    const unsigned bits = in.bits;
    const Word reference = in.reference;
    const auto step = [&](const std::uint8_t* bytes, std::size_t g) HWY_ATTR {
        Word* to = out + g * numbers;
        store_narrow<Word>(take_vector<Lane>(bytes, window, bits, 0), reference, to);
        if constexpr (lanes < 8) store_narrow<Word>(take_vector<Lane>(bytes + bits / 2, window, bits, bits % 2 * 4), reference, to + lanes);
    };
    const std::size_t second = lanes < 8 ? bits / 2 : 0;
    for_groups(in.data, in.readable, groups, numbers * bits / 8, second + upper_offset<Lane>(bits) + 16, step);
}

template <class Word>
void copy_unpacked(const PackedArray<Word>& in, Word* HWY_RESTRICT out) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    std::memcpy(out, in.data, in.elements * sizeof(Word));
    const auto low = hn::Set(d, in.reference);
    for (std::size_t i = 0; i < in.elements; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, out + i), low), d, out + i);
}

template <class Word>
void unpack(const PackedArray<Word>& in, Word* HWY_RESTRICT out) {
    const unsigned bits = in.bits;
    if (bits == 8 * sizeof(Word)) return copy_unpacked(in, out);
    if constexpr (sizeof(Word) <= 2) {
        if (bits > 0 && bits <= widest_window<std::uint16_t>) return unpack_groups<std::uint16_t>(in, out);
    }
    if constexpr (sizeof(Word) == 2 || sizeof(Word) == 4) {
        if (bits > 0 && bits <= widest_window<std::uint32_t>) return unpack_groups<std::uint32_t>(in, out);
    }
    if constexpr (sizeof(Word) >= 4) {
        if (bits > 0 && bits <= widest_window<std::uint64_t>) return unpack_groups<std::uint64_t>(in, out);
    }
    plain::unpack(in, out);
}

#endif
}  // namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PLUMB_CASCADED_PACK_INL_H_
