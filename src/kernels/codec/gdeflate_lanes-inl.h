// SPDX-License-Identifier: Apache-2.0
// Vectors of eight streams: what reader and writer have in common. Included once per instruction set; empty for one without vectors.
// Both rely on what the shifts by lane of AVX2 and AVX-512 do with a count of 32, which Highway leaves open: they give 0.
#include "kernels/codec/gdeflate_lanes.h"

#if defined(PLUMB_KERNELS_CODEC_GDEFLATE_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_KERNELS_CODEC_GDEFLATE_LANES
#undef PLUMB_KERNELS_CODEC_GDEFLATE_LANES
#else
#define PLUMB_KERNELS_CODEC_GDEFLATE_LANES
#endif
#include "kernels/simd_targets.h"

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET != HWY_SCALAR

using D = hn::CappedTag<std::uint32_t, lanes>;
using V = hn::Vec<D>;
using Signed = hn::Rebind<std::int32_t, D>;
using Narrow = hn::Rebind<std::uint8_t, D>;
static_assert(hn::MaxLanes(D()) == lanes);

HWY_INLINE V set(std::uint32_t value) {
    return hn::Set(D(), value);
}
HWY_INLINE V load(const std::uint32_t* from) {
    return hn::LoadU(D(), from);
}
HWY_INLINE void store(V v, std::uint32_t* to) {
    hn::StoreU(v, D(), to);
}
/// All bits of a lane like its highest.
HWY_INLINE V spread_sign(V v) {
    return hn::BitCast(D(), hn::BroadcastSignBit(hn::BitCast(Signed(), v)));
}
/// All bits of the lanes that are above `bound`, both below 2^31.
HWY_INLINE V above(V v, std::uint32_t bound) {
    const Signed s;
    return hn::BitCast(D(), hn::VecFromMask(s, hn::Gt(hn::BitCast(s, v), hn::Set(s, static_cast<std::int32_t>(bound)))));
}
/// Of lanes with all bits or none: a bit each.
HWY_INLINE unsigned bits_of(V lanes_or_none) {
    std::uint8_t bits = 0;
    hn::StoreMaskBits(D(), hn::MaskFromVec(lanes_or_none), &bits);
    return bits;
}
HWY_INLINE V choose_lanes(V lanes_or_none, V where_set, V elsewhere) {
    return hn::IfThenElse(hn::MaskFromVec(lanes_or_none), where_set, elsewhere);
}
HWY_INLINE V widen(const LaneBytes& from) {
    return hn::PromoteTo(D(), hn::LoadU(Narrow(), from.data()));
}
/// Lane i gets lane from[i].
HWY_INLINE V pick(V v, const LaneBytes& from) {
    return hn::TableLookupLanes(v, hn::IndicesFromVec(D(), hn::BitCast(Signed(), widen(from))));
}
HWY_INLINE std::size_t count_bits(unsigned mask) {
    return static_cast<std::size_t>(__builtin_popcount(mask));
}

/// Loads of single lanes on AVX2: on AMD's Zen the gather instruction takes twice the time.
HWY_INLINE V gather(const std::uint32_t* table, V index) {
#if HWY_TARGET == HWY_AVX2
    alignas(32) std::uint32_t at[lanes];
    hn::Store(index, D(), at);
    const auto four = [&](const std::uint32_t* i) {
        const __m128i a = _mm_insert_epi32(_mm_cvtsi32_si128(static_cast<int>(table[i[0]])), static_cast<int>(table[i[1]]), 1);
        const __m128i b = _mm_insert_epi32(_mm_cvtsi32_si128(static_cast<int>(table[i[2]])), static_cast<int>(table[i[3]]), 1);
        return _mm_unpacklo_epi64(a, b);
    };
    return V{_mm256_set_m128i(four(at + 4), four(at))};
#else
    return hn::GatherIndex(D(), table, hn::BitCast(Signed(), index));
#endif
}

#endif
}  // namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
