// SPDX-License-Identifier: Apache-2.0
// The register product under the three matrix products of the fused loss, and the loops around it. Included once per instruction set.
//
//   at[i][n] += sum over steps of a[i, step] x b[step, n]: a number of `a` is spread over a vector, b is loaded as vectors.
//   logits     a = W (i: vocabulary, steps: features)   b = H of the panel         [e][row]
//   sums       a = W (i: features, steps: vocabulary)   b = exponentials           [v][row]
//   dW         a = exponentials (i: vocabulary, steps: rows)   b = scaled H        [row][e]
//
// Rounding: each sum starts from zero and is one fused multiply-add a step, over E numbers for a logit, over a block of the vocabulary for
// `sums`, over the rows of a chunk for dW; then one addition a block or chunk.
#if defined(PLUMB_LOSS_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_LOSS_PRODUCTS_INL_H_
#undef PLUMB_LOSS_PRODUCTS_INL_H_
#else
#define PLUMB_LOSS_PRODUCTS_INL_H_
#endif

#include <algorithm>

#include "kernels/attention/product-inl.h"
#include "kernels/loss/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::loss::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention::HWY_NAMESPACE::Floats;
using attention::HWY_NAMESPACE::lanes;
using attention::HWY_NAMESPACE::Vector;

// square x most_vectors sums, most_vectors loaded and one spread number fill the registers: 8 x 3 + 3 + 1 of 32, 4 x 3 + 3 + 1 of 16.
// A square is then one cache line on AVX2 and four on AVX-512.
inline constexpr int square = HWY_TARGET == HWY_AVX3 ? 8 : 4;
inline constexpr int most_vectors = 3;
// Exponentials of a block and panel take 23 KB. The squares that a logit reads are `block x square` numbers apart: not a power of two,
// which would put them all into one set of the nearest cache.
inline constexpr std::int64_t block_entries = HWY_TARGET == HWY_AVX3 ? 120 : 240;
// Features whose hidden numbers (24 KB a panel) stay in the nearest cache while a block's weights pass by.
inline constexpr std::int64_t feature_chunk = HWY_TARGET == HWY_AVX3 ? 128 : 256;

template <int Vectors>
struct Sums {
    Vector at[square][Vectors];

    HWY_INLINE void clear() {
#pragma GCC unroll 16
        for (int i = 0; i < square; ++i) {
#pragma GCC unroll 4
            for (int n = 0; n < Vectors; ++n) at[i][n] = hn::Zero(Floats());
        }
    }
    HWY_INLINE void load(const float* HWY_RESTRICT from, std::ptrdiff_t row) {
#pragma GCC unroll 16
        for (int i = 0; i < square; ++i) {
#pragma GCC unroll 4
            for (int n = 0; n < Vectors; ++n) at[i][n] = hn::LoadU(Floats(), from + i * row + n * lanes);
        }
    }
    HWY_INLINE void store(float* HWY_RESTRICT to, std::ptrdiff_t row) const {
#pragma GCC unroll 16
        for (int i = 0; i < square; ++i) {
#pragma GCC unroll 4
            for (int n = 0; n < Vectors; ++n) hn::StoreU(at[i][n], Floats(), to + i * row + n * lanes);
        }
    }
    HWY_INLINE void add_to(float* HWY_RESTRICT to, std::ptrdiff_t row) const {
#pragma GCC unroll 16
        for (int i = 0; i < square; ++i) {
#pragma GCC unroll 4
            for (int n = 0; n < Vectors; ++n) {
                float* place = to + i * row + n * lanes;
                hn::StoreU(hn::Add(hn::LoadU(Floats(), place), at[i][n]), Floats(), place);
            }
        }
    }
    /// One step: a[i * a_row] is spread over all of b.
    HWY_INLINE void multiply_add(const float* HWY_RESTRICT a, std::ptrdiff_t a_row, const float* HWY_RESTRICT b) {
        const Floats d;
        Vector loaded[Vectors];
#pragma GCC unroll 4
        for (int n = 0; n < Vectors; ++n) loaded[n] = hn::LoadU(d, b + n * lanes);
#pragma GCC unroll 16
        for (int i = 0; i < square; ++i) {
            const Vector spread = hn::Set(d, a[i * a_row]);
#pragma GCC unroll 4
            for (int n = 0; n < Vectors; ++n) at[i][n] = hn::MulAdd(spread, loaded[n], at[i][n]);
        }
    }
};

/// Squares ahead that are asked for: far enough to hide the second-level cache.
inline constexpr std::int64_t squares_ahead = HWY_TARGET == HWY_AVX3 ? 2 : 6;

HWY_INLINE void prefetch_square(const float* at) {
#pragma GCC unroll 4
    for (int line = 0; line < square * square / 16; ++line) __builtin_prefetch(at + 16 * line);
}

/// Logits of a block, [v][row] with the padded entries.
template <int Vectors>
HWY_INLINE void multiply_logits(const Panel& panel, const WeightBlock& block, float* HWY_RESTRICT logits) {
    constexpr std::int64_t rows = Vectors * lanes;
    const std::int64_t padded = block.padded;
    const std::int64_t all_squares = block.padded_features / square;
    constexpr std::int64_t chunk = feature_chunk / square;
    for (std::int64_t first = 0; first < all_squares; first += chunk) {
        const std::int64_t squares = std::min(chunk, all_squares - first);
        for (std::int64_t v = 0; v < padded; v += square) {
            const float* weight = block.data + (first * padded + v) * square;
            const float* hidden = panel.hidden + first * square * rows;
            Sums<Vectors> sums;
            if (first == 0) {
                sums.clear();
            } else {
                sums.load(logits + v * rows, rows);
            }
            for (std::int64_t q = 0; q < squares; ++q) {
                prefetch_square(weight + squares_ahead * padded * square);
#pragma GCC unroll 1
                for (int j = 0; j < square; ++j) sums.multiply_add(weight + j, square, hidden + j * rows);
                weight += padded * square;
                hidden += square * rows;
            }
            sums.store(logits + v * rows, rows);
        }
    }
}

/// sums[e][row] += sum over the block of exponentials x weights; the first block writes them.
template <int Vectors>
HWY_INLINE void multiply_sums(const Panel& panel, const WeightBlock& block, const float* HWY_RESTRICT exponentials, bool first_block) {
    constexpr std::int64_t rows = Vectors * lanes;
    for (std::int64_t q = 0; q < block.padded_features / square; ++q) {
        const float* weight = block.data + q * block.padded * square;
        float* target = panel.sums + q * square * rows;
        Sums<Vectors> sums;
        sums.clear();
#pragma GCC unroll 4
        for (std::int64_t v = 0; v < block.count; ++v) sums.multiply_add(weight + v * square, 1, exponentials + v * rows);
        if (first_block) {
            sums.store(target, rows);
        } else {
            sums.add_to(target, rows);
        }
    }
}

}  // namespace plumb::kernels::loss::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
