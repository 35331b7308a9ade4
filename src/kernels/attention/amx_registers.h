// SPDX-License-Identifier: Apache-2.0
// AMX tile registers tmm0 to tmm7 by inline assembly: GCC 12's intrinsics for configuration and loads name no memory, so the compiler may
// move the stores that they read. A tile is 16 rows of 64 bytes: 16 x 32 bf16, or 16 x 16 fp32.
#pragma once
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::attention::tiles {

inline constexpr std::ptrdiff_t row_bytes = 64;
inline constexpr std::ptrdiff_t bytes = 16 * row_bytes;

/// All eight tiles 16 x 64 bytes, zero. The thread must release() before it goes on to code that knows nothing of tiles.
static inline void configure() {
    struct alignas(64) {
        std::uint8_t palette = 1;
        std::uint8_t start_row = 0;
        std::uint8_t reserved[14] = {};
        std::uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } configuration;
    __asm__ volatile("ldtilecfg %0" : : "m"(configuration));
}

static inline void release() {
    __asm__ volatile("tilerelease" : : : "memory");
}

template <int tile>
inline void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
}

/// Rows `stride` bytes apart.
template <int tile>
inline void load(const void* source, std::ptrdiff_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(source), "r"(stride), "i"(tile) : "memory");
}

template <int tile>
inline void store(void* target, std::ptrdiff_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(target), "r"(stride), "i"(tile) : "memory");
}

/// sum[m][n] += left[m][2k] right[k][2n] + left[m][2k + 1] right[k][2n + 1] over k: TDPBF16PS. Products are exact; even and odd k are
/// summed apart in fp32, round to nearest; a denormal number counts as 0.
template <int sum, int left, int right>
inline void multiply_add() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sum), "i"(left), "i"(right));
}

}  // namespace plumb::kernels::attention::tiles
