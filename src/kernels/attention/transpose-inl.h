// SPDX-License-Identifier: Apache-2.0
// The transposes that put rows into lanes. Included once per instruction set.
#if defined(PLUMB_ATTENTION_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_TRANSPOSE_INL_H_
#undef PLUMB_ATTENTION_TRANSPOSE_INL_H_
#else
#define PLUMB_ATTENTION_TRANSPOSE_INL_H_
#endif

#include <cmath>

#include "kernels/attention/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Multiplies by a number of twice the precision of fp32: the product is rounded once (and by less than 2^-23 of that again).
class Factor {
  public:
    explicit Factor(double factor) : factor_(factor), high_(static_cast<float>(factor)), low_(static_cast<float>(factor - high_)) {}

#if HWY_TARGET == HWY_SCALAR
    float operator()(float x) const {
        return static_cast<float>(factor_ * x);
    }
#else
    // Both ways to the same bits, so that a row's place among the others does not matter.
    float operator()(float x) const {
        return std::fma(x, high_, x * low_);
    }
    HWY_INLINE Vector operator()(Vector x) const {
        return hn::MulAdd(x, hn::Set(Floats(), high_), hn::Mul(x, hn::Set(Floats(), low_)));
    }
#endif

  private:
    double factor_;
    float high_;
    float low_;
};

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

/// target[c][r] = factor(source[r][c]) for `lanes` rows r and four columns c: 4 x 4 transposes inside the 128-bit blocks.
HWY_INLINE void transpose_four_columns(const float* HWY_RESTRICT source, std::ptrdiff_t row, const Factor& factor,
                                       float* HWY_RESTRICT target, std::ptrdiff_t target_row) {
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
    hn::StoreU(factor(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23))), d, target);
    hn::StoreU(factor(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23))), d, target + target_row);
    hn::StoreU(factor(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23))), d, target + 2 * target_row);
    hn::StoreU(factor(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23))), d, target + 3 * target_row);
}

/// 16 x 16 bytes, row i from `source(i)` on: four rounds of perfect shuffles.
template <class Source>
HWY_INLINE void transpose_square(const Source& source, std::uint8_t* HWY_RESTRICT target, std::ptrdiff_t target_row) {
    const hn::Full128<std::uint8_t> d;
    using Bytes = hn::Vec<decltype(d)>;
    Bytes rows[16];
    Bytes shuffled[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) rows[i] = hn::LoadU(d, source(i));
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

/// target[c][r] = factor * source[r][c], rounded once, for `padded_rows` (whole vectors) rows; where there are only
/// `rows`, the last repeats.
inline void transpose_rows(const float* HWY_RESTRICT source, std::ptrdiff_t row, std::int64_t rows, std::int64_t padded_rows,
                           std::int64_t columns, const Factor& factor, float* HWY_RESTRICT target) {
    for (std::int64_t r = 0; r < padded_rows; r += lanes) {
        std::int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
        if (r + lanes <= rows) {
            for (; c + 4 <= columns; c += 4)
                transpose_four_columns(source + r * row + c, row, factor, target + c * padded_rows + r, padded_rows);
        }
#endif
        for (; c < columns; ++c) {
            for (std::int64_t i = r; i < r + lanes; ++i) {
                target[c * padded_rows + i] = factor(source[HWY_MIN(i, rows - 1) * row + c]);
            }
        }
    }
}

/// target[c][r] = source(r)[c]; rows up to padded_rows are 0.
template <class Source>
HWY_INLINE void transpose_bytes(std::int64_t rows, std::int64_t padded_rows, std::int64_t columns, const Source& source,
                                std::uint8_t* HWY_RESTRICT target) {
    for (std::int64_t r = 0; r < padded_rows; r += 16) {
        std::int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
        if (r + 16 <= rows) {
            for (; c + 16 <= columns; c += 16)
                transpose_square([&](int i) { return source(r + i) + c; }, target + c * padded_rows + r, padded_rows);
        }
#endif
        for (std::int64_t i = r; i < HWY_MIN(r + 16, padded_rows); ++i) {
            const std::uint8_t* bytes = i < rows ? source(i) : nullptr;
            for (std::int64_t k = c; k < columns; ++k) target[k * padded_rows + i] = bytes == nullptr ? std::uint8_t{0} : bytes[k];
        }
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
