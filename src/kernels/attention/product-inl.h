// SPDX-License-Identifier: Apache-2.0
// The register product under both matrix products of attention. Included once per instruction set.
//
// acc[r][v] = sum over s of a[r, s] * b[s, v]: a number of `a` is spread over a vector, `b` is loaded as vectors, both in place (any
// strides of a).
//   scores:  a = K (rows: keys, steps: head_dim),          b = Q^T (vectors: queries)
//   outputs: a = P^T (rows: queries, steps: keys),          b = V   (vectors: value columns)
// Sums start from zero and run over the steps in order, each step one fused multiply-add: at most `steps` roundings.
#if defined(PLUMB_ATTENTION_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_PRODUCT_INL_H_
#undef PLUMB_ATTENTION_PRODUCT_INL_H_
#else
#define PLUMB_ATTENTION_PRODUCT_INL_H_
#endif

#include "kernels/simd_targets.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
inline constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));

// Accumulators, the loaded vectors and one spread number fill the registers: 8 x 3 + 3 + 1 of 32, 6 x 2 + 2 + 1 of 16.
inline constexpr int score_rows = HWY_TARGET == HWY_AVX3 ? 8 : 6;
inline constexpr int score_vectors = HWY_TARGET == HWY_AVX3 ? 3 : 2;
inline constexpr int output_rows = 6;
inline constexpr int output_vectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;

template <int Rows, int Vectors>
struct Accumulators {
    Vector at[Rows][Vectors];
};

template <int Rows, int Vectors>
HWY_INLINE Accumulators<Rows, Vectors> multiply(const float* HWY_RESTRICT a, std::ptrdiff_t a_row, std::ptrdiff_t a_step,
                                                const float* HWY_RESTRICT b, std::ptrdiff_t b_step, std::ptrdiff_t steps) {
    const Floats d;
    Accumulators<Rows, Vectors> sum;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sum.at[r][v] = hn::Zero(d);
    }
    for (std::ptrdiff_t s = 0; s < steps; ++s) {
        Vector loaded[Vectors];
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) loaded[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            const Vector spread = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) sum.at[r][v] = hn::MulAdd(spread, loaded[v], sum.at[r][v]);
        }
        a += a_step;
        b += b_step;
    }
    return sum;
}

template <int count>
using Constant = std::integral_constant<int, count>;

/// Calls body(Constant<size>, first) for pieces that cover [0, count): as many of `Most` as fit, then the rest in pieces of 4, 2 and 1.
template <int Most, class Body>
HWY_INLINE void in_pieces(std::int64_t count, const Body& body) {
    std::int64_t first = 0;
    for (; first + Most <= count; first += Most) body(Constant<Most>(), first);
    if constexpr (Most > 4) {
        if (first + 4 <= count) {
            body(Constant<4>(), first);
            first += 4;
        }
    }
    if constexpr (Most > 2) {
        if (first + 2 <= count) {
            body(Constant<2>(), first);
            first += 2;
        }
    }
    for (; first < count; ++first) body(Constant<1>(), first);
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
