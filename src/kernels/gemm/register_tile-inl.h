// SPDX-License-Identifier: Apache-2.0
// The product of a few rows by a few vectors that fills the registers. Included once per instruction set.
#if defined(PLUMB_GEMM_REGISTER_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_GEMM_REGISTER_TILE_INL_H_
#undef PLUMB_GEMM_REGISTER_TILE_INL_H_
#else
#define PLUMB_GEMM_REGISTER_TILE_INL_H_
#endif

#include "kernels/simd_targets.h"

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
inline constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));

inline constexpr std::int64_t cache_line_floats = 16;

/// Asks for `lines` cache lines, to be in the private cache when they are read; the nearest cache is for what is read now.
HWY_INLINE void ask_for_lines(const float* first, std::int64_t lines) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
    for (std::int64_t i = 0; i < lines; ++i) __builtin_prefetch(first + i * cache_line_floats, 0, 2);
#endif
}

template <int Rows, int Vectors>
struct RegisterTile {
    Vector at[Rows][Vectors];

    HWY_INLINE void clear() {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) at[r][v] = hn::Zero(Floats());
        }
    }

    HWY_INLINE void load(const float* from, std::ptrdiff_t row) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) at[r][v] = hn::LoadU(Floats(), from + r * row + v * lanes);
        }
    }

    HWY_INLINE void store(float* to, std::ptrdiff_t row) const {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) hn::StoreU(at[r][v], Floats(), to + r * row + v * lanes);
        }
    }

    /// at[r][v] += a[r a_row] b[v]: one step of the sum. The shorter side stays in registers: with 16 of them, 12 sums, 3 numbers of one
    /// side and one of the other fit, 2 and one just as well.
    HWY_INLINE void step(const float* HWY_RESTRICT a, std::ptrdiff_t a_row, const float* HWY_RESTRICT b) {
        const Floats d;
        if constexpr (Rows < Vectors) {
            Vector spread[Rows];
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) spread[r] = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) {
                const Vector loaded = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r) at[r][v] = hn::MulAdd(spread[r], loaded, at[r][v]);
            }
        } else {
            Vector loaded[Vectors];
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) loaded[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                const Vector spread = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 16
                for (int v = 0; v < Vectors; ++v) at[r][v] = hn::MulAdd(spread, loaded[v], at[r][v]);
            }
        }
    }

    /// at[r][v] += sum over `steps` s of a[r a_row + s a_step] b[s Vectors lanes + v lanes], in order, each a fused multiply-add.
    HWY_INLINE void add_products(const float* HWY_RESTRICT a, std::ptrdiff_t a_row, std::ptrdiff_t a_step, const float* HWY_RESTRICT b,
                                 std::int64_t steps) {
#pragma GCC unroll 4
        for (std::int64_t s = 0; s < steps; ++s) {
            step(a, a_row, b);
            a += a_step;
            b += Vectors * lanes;
        }
    }
};

}  // namespace plumb::kernels::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
