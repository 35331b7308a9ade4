// SPDX-License-Identifier: Apache-2.0
// The register product under both matrix products of attention, and the transposes that bring operands into its shape. Included once per
// instruction set.
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

#if HWY_TARGET != HWY_SCALAR

using FourFloats = hn::Full128<float>;

/// Four numbers each from rows 0, 4, 8, 12 … of `source`, as the 128-bit blocks of one vector.
HWY_INLINE Vector load_blocks(const float* HWY_RESTRICT source, std::ptrdiff_t row) {
    const FourFloats d4;
    const hn::Full256<float> d8;
    const auto low = hn::Combine(d8, hn::LoadU(d4, source + 4 * row), hn::LoadU(d4, source));
#if HWY_TARGET == HWY_AVX3
    const auto high = hn::Combine(d8, hn::LoadU(d4, source + 12 * row), hn::LoadU(d4, source + 8 * row));
    return hn::Combine(Floats(), high, low);
#else
    return low;
#endif
}

/// target[c][r] = factor * source[r][c] for `lanes` rows r and four columns c: 4 x 4 transposes inside the 128-bit blocks.
HWY_INLINE void transpose_four_columns(const float* HWY_RESTRICT source, std::ptrdiff_t row, Vector factor, float* HWY_RESTRICT target,
                                       std::ptrdiff_t target_row) {
    const Floats d;
    const hn::Repartition<std::uint64_t, Floats> pairs;
    const Vector r0 = load_blocks(source, row);
    const Vector r1 = load_blocks(source + row, row);
    const Vector r2 = load_blocks(source + 2 * row, row);
    const Vector r3 = load_blocks(source + 3 * row, row);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
    hn::StoreU(hn::Mul(factor, hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23))), d, target);
    hn::StoreU(hn::Mul(factor, hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23))), d, target + target_row);
    hn::StoreU(hn::Mul(factor, hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23))), d, target + 2 * target_row);
    hn::StoreU(hn::Mul(factor, hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23))), d, target + 3 * target_row);
}

/// 16 x 16 bytes: four rounds of perfect shuffles.
HWY_INLINE void transpose_bytes(const std::uint8_t* HWY_RESTRICT source, std::ptrdiff_t row, std::uint8_t* HWY_RESTRICT target,
                                std::ptrdiff_t target_row) {
    const hn::Full128<std::uint8_t> d;
    using Bytes = hn::Vec<decltype(d)>;
    Bytes rows[16];
    Bytes shuffled[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) rows[i] = hn::LoadU(d, source + i * row);
#pragma GCC unroll 4
    for (int round = 0; round < 4; ++round) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            shuffled[2 * i] = hn::InterleaveLower(d, rows[i], rows[i + 8]);
            shuffled[2 * i + 1] = hn::InterleaveUpper(d, rows[i], rows[i + 8]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) rows[i] = shuffled[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) hn::StoreU(rows[i], d, target + i * target_row);
}

#endif

/// target[c][r] = factor * source[r][c] for `padded_rows` (whole vectors) rows, of which the last repeats where there are only `rows`.
inline void transpose_rows(const float* HWY_RESTRICT source, std::ptrdiff_t row, std::ptrdiff_t column, std::int64_t rows,
                           std::int64_t padded_rows, std::int64_t columns, float factor, float* HWY_RESTRICT target) {
    for (std::int64_t r = 0; r < padded_rows; r += lanes) {
        std::int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
        if (column == 1 && r + lanes <= rows) {
            const Vector factors = hn::Set(Floats(), factor);
            for (; c + 4 <= columns; c += 4)
                transpose_four_columns(source + r * row + c, row, factors, target + c * padded_rows + r, padded_rows);
        }
#endif
        for (; c < columns; ++c) {
            for (std::int64_t i = r; i < r + lanes; ++i) {
                target[c * padded_rows + i] = factor * source[HWY_MIN(i, rows - 1) * row + c * column];
            }
        }
    }
}

/// target[c][r] = source[r][c]; rows up to padded_rows are 0.
inline void transpose_hidden(const std::uint8_t* HWY_RESTRICT source, std::ptrdiff_t row, std::int64_t rows, std::int64_t padded_rows,
                             std::int64_t columns, std::uint8_t* HWY_RESTRICT target) {
    for (std::int64_t r = 0; r < padded_rows; r += 16) {
        std::int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
        if (r + 16 <= rows) {
            for (; c + 16 <= columns; c += 16) transpose_bytes(source + r * row + c, row, target + c * padded_rows + r, padded_rows);
        }
#endif
        for (; c < columns; ++c) {
            for (std::int64_t i = r; i < HWY_MIN(r + 16, padded_rows); ++i) {
                target[c * padded_rows + i] = i < rows ? source[i * row + c] : std::uint8_t{0};
            }
        }
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
