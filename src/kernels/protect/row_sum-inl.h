// SPDX-License-Identifier: Apache-2.0
// The sum that is handed on with a row of outputs, so that whoever reads the row next can tell whether it is still the one that was
// checked. Number i goes into the (i mod 16)-th of sixteen partial sums in fp32, which are then halved in pairs: the same bits on every
// instruction set. Included once per instruction set.
#if defined(PLUMB_PROTECT_ROW_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_ROW_SUM_INL_H_
#undef PLUMB_PROTECT_ROW_SUM_INL_H_
#else
#define PLUMB_PROTECT_ROW_SUM_INL_H_
#endif

#include <cstdint>

#include "kernels/attention/convert-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace arithmetic = attention::HWY_NAMESPACE;

/// `vector_at(i)`: numbers from i on as they are when stored; `number_at(i)`: one of them.
template <class VectorAt, class NumberAt>
HWY_INLINE float sum_in_parts(std::int64_t count, const VectorAt& vector_at, const NumberAt& number_at) {
    using arithmetic::lanes;
    constexpr std::int64_t parts = 16;
    float partial[parts] = {};
    std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
    const arithmetic::Floats d;
    constexpr std::int64_t vectors = parts / lanes;
    arithmetic::Vector sums[vectors];
    for (std::int64_t v = 0; v < vectors; ++v) sums[v] = hn::Zero(d);
    for (; i + parts <= count; i += parts) {
        for (std::int64_t v = 0; v < vectors; ++v) sums[v] = hn::Add(sums[v], vector_at(i + v * lanes));
    }
    for (std::int64_t v = 0; v < vectors; ++v) hn::StoreU(sums[v], d, partial + v * lanes);
#else
    (void)vector_at;
#endif
    for (; i < count; ++i) partial[i % parts] += number_at(i);
    for (std::int64_t half = parts / 2; half > 0; half /= 2) {
        for (std::int64_t p = 0; p < half; ++p) partial[p] += partial[p + half];
    }
    return partial[0];
}

/// Of the numbers as they are when stored as `dtype`, from `numbers` before they are stored.
inline float sum_of_stored(base::Dtype dtype, const float* numbers, std::int64_t count) {
    const auto number_at = [&](std::int64_t i) {
        std::uint32_t word = 0;  // room for a number of any type
        base::store(dtype, &word, 0, numbers[i]);
        return base::load(dtype, &word, 0);
    };
#if HWY_TARGET != HWY_SCALAR
    const auto vector_at = [&](std::int64_t i) HWY_ATTR {
        const arithmetic::Vector wide = hn::LoadU(arithmetic::Floats(), numbers + i);
        if (dtype == base::Dtype::fp32) return wide;
        std::uint16_t halves[arithmetic::lanes];
        arithmetic::narrow_vector(dtype, wide, halves);
        return arithmetic::widen_vector(dtype, halves);
    };
    return sum_in_parts(count, vector_at, number_at);
#else
    return sum_in_parts(count, number_at, number_at);
#endif
}

/// Of a row in memory; `column`: elements between neighbours.
inline float sum_in_memory(base::Dtype dtype, const void* row, std::int64_t column, std::int64_t count) {
    const auto number_at = [&](std::int64_t i) { return base::load(dtype, row, i * column); };
#if HWY_TARGET != HWY_SCALAR
    const auto vector_at = [&](std::int64_t i) HWY_ATTR {
        const void* first = base::advance(dtype, row, i);
        if (dtype == base::Dtype::fp32) return hn::LoadU(arithmetic::Floats(), static_cast<const float*>(first));
        return arithmetic::widen_vector(dtype, static_cast<const std::uint16_t*>(first));
    };
    if (column == 1) return sum_in_parts(count, vector_at, number_at);
    float gathered[arithmetic::lanes];
    const auto spread_at = [&](std::int64_t i) HWY_ATTR {
        for (std::int64_t lane = 0; lane < arithmetic::lanes; ++lane) gathered[lane] = number_at(i + lane);
        return hn::LoadU(arithmetic::Floats(), gathered);
    };
    return sum_in_parts(count, spread_at, number_at);
#else
    return sum_in_parts(count, number_at, number_at);
#endif
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
