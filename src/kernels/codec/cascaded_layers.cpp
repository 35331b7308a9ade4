// SPDX-License-Identifier: Apache-2.0
// Differences, sums and ranges by vectors of 32 bytes, and the choice among the instruction sets.
#include "kernels/codec/cascaded_layers.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codec/cascaded_layers.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/codec/cascaded_pack-inl.h"
#include "kernels/codec/cascaded_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class Word>
inline constexpr LayerKernels<Word> layer = plain::kernels<Word>;

#else

template <class Word>
void differences(const Word* HWY_RESTRICT in, std::size_t elements, Word* HWY_RESTRICT out) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    std::size_t i = 0;
    for (; i + lanes < elements; i += lanes) hn::StoreU(hn::Sub(hn::LoadU(d, in + i + 1), hn::LoadU(d, in + i)), d, out + i);
    plain::differences(in + i, elements - i, out + i);
}

/// A call of its own: taken into the loop's function, GCC 12 keeps the vectors in memory from step to step.
template <class Number, class Word>
HWY_NOINLINE Range<Word> range_of_lanes(const Word* lows, const Word* highs) {
    constexpr std::size_t lanes = 32 / sizeof(Word);
    return {plain::range_as<Number>(lows, lanes).low, plain::range_as<Number>(highs, lanes).high};
}

template <class Number, class Word>
Range<Word> range_as(const Word* HWY_RESTRICT in, std::size_t elements) {
    const Wide<Word> d;
    const Wide<Number> d_number;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    if (elements < lanes) return plain::range_as<Number>(in, elements);
    const auto load = [&](std::size_t i) HWY_ATTR { return hn::BitCast(d_number, hn::LoadU(d, in + i)); };
    auto low = load(elements - lanes);  // the last ones; those before them that it covers count twice, which does no harm
    auto high = low;
    for (std::size_t i = 0; i + lanes < elements; i += lanes) {
        const auto numbers = load(i);
        low = hn::Min(low, numbers);
        high = hn::Max(high, numbers);
    }
    alignas(32) Word lows[lanes];
    alignas(32) Word highs[lanes];
    hn::Store(hn::BitCast(d, low), d, lows);
    hn::Store(hn::BitCast(d, high), d, highs);
    return range_of_lanes<Number>(lows, highs);
}

template <class Word>
Range<Word> range(const Word* HWY_RESTRICT in, std::size_t elements, bool as_signed) {
    return as_signed ? range_as<std::make_signed_t<Word> >(in, elements) : range_as<Word>(in, elements);
}

template <class Word>
void widen(const std::uint8_t* HWY_RESTRICT in, std::size_t elements, Word reference, Word* HWY_RESTRICT out) {
    const Wide<Word> d;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    const hn::FixedTag<std::uint8_t, lanes> d_narrow;
    const auto low = hn::Set(d, reference);
    for (std::size_t i = 0; i < elements; i += lanes) {
        const auto narrow = hn::LoadU(d_narrow, in + i);
        if constexpr (sizeof(Word) == 1) {
            hn::StoreU(hn::Add(narrow, low), d, out + i);
        } else if constexpr (sizeof(Word) == 8) {
            hn::StoreU(hn::Add(hn::PromoteTo(d, hn::PromoteTo(hn::FixedTag<std::uint32_t, lanes>(), narrow)), low), d, out + i);
        } else {
            hn::StoreU(hn::Add(hn::PromoteTo(d, narrow), low), d, out + i);
        }
    }
}

/// Each lane plus those before it in its half of the vector.
template <std::size_t Bytes, class Vector>
HWY_INLINE Vector add_up_half(Vector numbers) {
    if constexpr (Bytes == 16) {
        return numbers;
    } else {
        const Wide<hn::TFromV<Vector> > d;
        const auto shifted = hn::BitCast(d, hn::ShiftLeftBytes<Bytes>(hn::BitCast(Wide<std::uint8_t>(), numbers)));
        return add_up_half<2 * Bytes>(hn::Add(numbers, shifted));
    }
}

/// The sum so far waits for one addition a vector only: all else is done on the vector alone.
template <class Word>
void add_up(const Word* HWY_RESTRICT in, std::size_t elements, Word first, Word* HWY_RESTRICT out) {
    const Wide<Word> d;
    const Wide<std::uint8_t> d8;
    constexpr std::size_t lanes = 32 / sizeof(Word);
    alignas(32) std::uint8_t last_of_half[32];
    for (std::size_t k = 0; k < 32; ++k) last_of_half[k] = static_cast<std::uint8_t>(16 - sizeof(Word) + k % sizeof(Word));
    const auto last = hn::Load(d8, last_of_half);

    out[0] = first;
    auto before = hn::Set(d, first);
    std::size_t i = 0;
    for (; i + lanes <= elements; i += lanes) {
        const auto sums = add_up_half<sizeof(Word)>(hn::LoadU(d, in + i));
        const auto totals = hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(d8, sums), last));
        const auto of_lower = hn::ConcatLowerLower(d, totals, hn::Zero(d));
        hn::StoreU(hn::Add(hn::Add(sums, of_lower), before), d, out + i + 1);
        before = hn::Add(before, hn::Add(totals, hn::ConcatLowerUpper(d, totals, totals)));
    }
    plain::add_up(in + i, elements - i, out[i], out + i);
}

template <class Word>
inline constexpr LayerKernels<Word> layer = {find_runs<Word>, differences<Word>, range<Word>,
                                             pack<Word>,      unpack<Word>,      widen<Word>,
                                             add_up<Word>,    repeat_runs<Word>, repeat_short_runs<Word>};

#endif

inline constexpr Kernels kernels = {layer<std::uint8_t>, layer<std::uint16_t>, layer<std::uint32_t>, layer<std::uint64_t>};

}  // namespace plumb::kernels::codec::cascaded::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::codec::cascaded {

const Kernels& layer_kernels(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernels);
}

}  // namespace plumb::kernels::codec::cascaded
#endif
