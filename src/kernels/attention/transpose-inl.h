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
    [[maybe_unused]] double factor_;  // which of them is read depends on the instruction set
    [[maybe_unused]] float high_;
    [[maybe_unused]] float low_;
};

/// The factor 1. Factor(1) would make NaN of inf.
struct Unchanged {
    float operator()(float x) const { return x; }
#if HWY_TARGET != HWY_SCALAR
    HWY_INLINE Vector operator()(Vector x) const {
        return x;
    }
#endif
};

#if HWY_TARGET != HWY_SCALAR

using FourFloats = hn::Full128<float>;

/// Four numbers each from four rows, as the 128-bit blocks of one vector (two rows where a vector has eight lanes).
HWY_INLINE Vector load_blocks(const float* first, const float* second, [[maybe_unused]] const float* third,
                              [[maybe_unused]] const float* fourth) {
    const FourFloats d4;
    const hn::Full256<float> d8;
    const auto low = hn::Combine(d8, hn::LoadU(d4, second), hn::LoadU(d4, first));
#if HWY_TARGET == HWY_AVX3
    const auto high = hn::Combine(d8, hn::LoadU(d4, fourth), hn::LoadU(d4, third));
    return hn::Combine(Floats(), high, low);
#else
    return low;
#endif
}

/// target[c][r] = factor(row[r][c + first]) for `lanes` rows r and four columns c: 4 x 4 transposes inside the 128-bit blocks.
template <class Factor>
HWY_INLINE void transpose_four_columns(const float* const* row, std::int64_t first, const Factor& factor, float* HWY_RESTRICT target,
                                       std::ptrdiff_t target_row) {
    const Floats d;
    const hn::Repartition<std::uint64_t, Floats> pairs;
    constexpr int last = static_cast<int>(lanes) - 4;
    const auto blocks = [&](int r) HWY_ATTR {
        return load_blocks(row[r] + first, row[r + 4] + first, row[HWY_MIN(r + 8, r + last)] + first, row[r + last] + first);
    };
    const Vector r0 = blocks(0);
    const Vector r1 = blocks(1);
    const Vector r2 = blocks(2);
    const Vector r3 = blocks(3);
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

/// target[c][r] = factor(row[r][c]) for `padded_rows` (whole vectors) rows.
template <class Factor>
HWY_INLINE void transpose_rows(const float* const* row, std::int64_t padded_rows, std::int64_t columns, const Factor& factor,
                               float* HWY_RESTRICT target) {
    for (std::int64_t r = 0; r < padded_rows; r += lanes) {
        std::int64_t c = 0;
#if HWY_TARGET != HWY_SCALAR
        for (; c + 4 <= columns; c += 4) transpose_four_columns(row + r, c, factor, target + c * padded_rows + r, padded_rows);
#endif
        for (; c < columns; ++c) {
            for (std::int64_t i = r; i < r + lanes; ++i) target[c * padded_rows + i] = factor(row[i][c]);
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
