// SPDX-License-Identifier: Apache-2.0
// Whole-vector conversions between fp32 and the 16-bit types, bit for bit those of base/dtype.h. Included once per instruction set.
#if defined(PLUMB_ATTENTION_CONVERT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_CONVERT_INL_H_
#undef PLUMB_ATTENTION_CONVERT_INL_H_
#else
#define PLUMB_ATTENTION_CONVERT_INL_H_
#endif

#include <cstring>

#include "base/dtype.h"
#include "kernels/attention/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

using Halves = hn::Rebind<std::uint16_t, Floats>;

HWY_INLINE Vector widen_vector(base::Dtype dtype, const std::uint16_t* HWY_RESTRICT numbers) {
    const Halves halves;
    const auto bits = hn::LoadU(halves, numbers);
    if (dtype == base::Dtype::bf16) {
        const hn::RebindToUnsigned<Floats> words;
        return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
    }
    const hn::Rebind<hwy::float16_t, Floats> half_floats;
    return hn::PromoteTo(Floats(), hn::BitCast(half_floats, bits));
}

HWY_INLINE void narrow_vector(base::Dtype dtype, Vector wide, std::uint16_t* HWY_RESTRICT numbers) {
    const Halves halves;
    if (dtype == base::Dtype::bf16) {
        const hn::RebindToUnsigned<Floats> words;
        const auto bits = hn::BitCast(words, wide);
        const auto high = hn::ShiftRight<16>(bits);
        const auto odd = hn::And(high, hn::Set(words, 1));
        const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fff))));
        const auto quiet = hn::Or(high, hn::Set(words, 0x40));
        const auto is_nan = hn::RebindMask(words, hn::IsNaN(wide));
        hn::StoreU(hn::DemoteTo(halves, hn::BitCast(hn::RebindToSigned<decltype(words)>(), hn::IfThenElse(is_nan, quiet, rounded))), halves,
                   numbers);
        return;
    }
    const hn::Rebind<hwy::float16_t, Floats> half_floats;
    hn::StoreU(hn::BitCast(halves, hn::DemoteTo(half_floats, wide)), halves, numbers);
}

#endif

inline void widen(base::Dtype dtype, const void* numbers, std::int64_t count, float* HWY_RESTRICT wide) {
    if (count == 0) return;  // either pointer may be null then
    if (dtype == base::Dtype::fp32) {
        std::memcpy(wide, numbers, static_cast<std::size_t>(count) * sizeof(float));
        return;
    }
    std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    const auto* halves = static_cast<const std::uint16_t*>(numbers);
    for (; i + lanes <= count; i += lanes) hn::StoreU(widen_vector(dtype, halves + i), Floats(), wide + i);
#endif
    for (; i < count; ++i) wide[i] = base::load(dtype, numbers, i);
}

inline void narrow(base::Dtype dtype, const float* HWY_RESTRICT wide, std::int64_t count, void* numbers) {
    if (count == 0) return;
    if (dtype == base::Dtype::fp32) {
        std::memcpy(numbers, wide, static_cast<std::size_t>(count) * sizeof(float));
        return;
    }
    std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    auto* halves = static_cast<std::uint16_t*>(numbers);
    for (; i + lanes <= count; i += lanes) narrow_vector(dtype, hn::LoadU(Floats(), wide + i), halves + i);
#endif
    for (; i < count; ++i) base::store(dtype, numbers, i, wide[i]);
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
