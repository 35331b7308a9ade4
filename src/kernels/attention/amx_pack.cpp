// SPDX-License-Identifier: Apache-2.0
// Rounds numbers to their parts bit for bit as split.h says, and puts them where tiles want them. Compiled with its own flags
// (src/kernels/CMakeLists.txt): amx_kernel.h says what that forbids.
#include "kernels/attention/amx_pack.h"

#include "kernels/attention/amx_kernel.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

namespace plumb::kernels::attention::tiles {
namespace {

/// bf16(x) to nearest even, as fp32. NaN stays one.
__m512 round_to_bf16(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __m512i chosen = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, quiet);
    return _mm512_castsi512_ps(_mm512_and_si512(chosen, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
}

/// The part-th part of x, of `parts`.
__m512 part_of(__m512 x, int parts, int part) {
    const __m512 high = round_to_bf16(x);
    if (parts == 1) return high;
    constexpr int not_finite = 0x99;  // quiet and signalling NaN, both infinities
    const __mmask16 odd = _mm512_fpclass_ps_mask(high, not_finite);
    if (part == 0) return _mm512_maskz_mov_ps(static_cast<__mmask16>(~odd), high);
    return _mm512_mask_mov_ps(round_to_bf16(_mm512_sub_ps(x, high)), odd, high);
}

/// bf16 of 32 neighbours.
__m512i pack_row(const float* numbers, int parts, int part) {
    const auto half = [&](const float* from) {
        return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(part_of(_mm512_loadu_ps(from), parts, part)), 16));
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(half(numbers)), half(numbers + 16), 1);
}

/// 16 x 16 numbers of 32 bits: pairs, fours, then 128-bit blocks change places.
void transpose(__m512i rows[16]) {
    __m512i mixed[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        mixed[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        mixed[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // rows[4 g + c]: column 4 b + c of rows 4 g .. 4 g + 3 in block b.
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(mixed[i], mixed[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(mixed[i], mixed[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(mixed[i + 1], mixed[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(mixed[i + 1], mixed[i + 3]);
    }
    constexpr int even_blocks = 0x88;
    constexpr int odd_blocks = 0xdd;
    __m512i columns[16];
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
        const __m512i even_low = _mm512_shuffle_i32x4(rows[c], rows[c + 4], even_blocks);
        const __m512i even_high = _mm512_shuffle_i32x4(rows[c + 8], rows[c + 12], even_blocks);
        const __m512i odd_low = _mm512_shuffle_i32x4(rows[c], rows[c + 4], odd_blocks);
        const __m512i odd_high = _mm512_shuffle_i32x4(rows[c + 8], rows[c + 12], odd_blocks);
        columns[c] = _mm512_shuffle_i32x4(even_low, even_high, even_blocks);
        columns[c + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, even_blocks);
        columns[c + 8] = _mm512_shuffle_i32x4(even_low, even_high, odd_blocks);
        columns[c + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, odd_blocks);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) rows[i] = columns[i];
}

void store_rows(const __m512i rows[16], std::byte* tile) {
    for (int i = 0; i < 16; ++i) _mm512_store_si512(tile + i * 64, rows[i]);
}

}  // namespace

void pack_keys(const float* wide_D, std::int64_t head_steps, int parts, std::byte* packed) {
    for (std::int64_t s = 0; s < head_steps; ++s) {
        for (int part = 0; part < parts; ++part) {
            std::byte* tile = packed + (s * parts + part) * amx_tile_bytes;
            for (int r = 0; r < 16; ++r) _mm512_store_si512(tile + r * 64, pack_row(wide_D + (r * head_steps + s) * amx_step, parts, part));
        }
    }
}

void pack_queries(const float* wide_D, std::int64_t head_steps, int parts, int half, std::byte* packed) {
    for (std::int64_t s = 0; s < head_steps; ++s) {
        for (int part = 0; part < parts; ++part) {
            __m512i rows[16];
            for (int r = 0; r < 16; ++r) rows[r] = pack_row(wide_D + (r * head_steps + s) * amx_step, parts, part);
            transpose(rows);
            store_rows(rows, packed + ((s * 2 + half) * parts + part) * amx_tile_bytes);
        }
    }
}

void pack_values(const float* wide_E, std::int64_t value_units, int parts, std::byte* packed) {
    const std::int64_t row = value_units * amx_unit;
    for (std::int64_t u = 0; u < value_units; ++u) {
        for (int part = 0; part < parts; ++part) {
            __m512i rows[16];
            for (int pair = 0; pair < 16; ++pair) {
                const float* even = wide_E + 2 * pair * row + u * amx_unit;
                const __m512i low = _mm512_castps_si512(part_of(_mm512_loadu_ps(even), parts, part));
                const __m512i high = _mm512_castps_si512(part_of(_mm512_loadu_ps(even + row), parts, part));
                rows[pair] = _mm512_or_si512(_mm512_srli_epi32(low, 16), high);
            }
            transpose(rows);
            store_rows(rows, packed + (u * parts + part) * amx_tile_bytes);
        }
    }
}

void normalise(const float* output_ET, std::int64_t value_units, const float* factor_T, float* out_TE) {
    for (std::int64_t u = 0; u < value_units; ++u) {
        for (int half = 0; half < 2; ++half) {
            const __m512 factor = _mm512_load_ps(factor_T + half * amx_unit);
            __m512i rows[16];
            for (int e = 0; e < 16; ++e) {
                const float* sums = output_ET + (u * amx_unit + e) * amx_rows + half * amx_unit;
                rows[e] = _mm512_castps_si512(_mm512_mul_ps(_mm512_load_ps(sums), factor));
            }
            transpose(rows);
            for (int t = 0; t < 16; ++t) _mm512_storeu_si512(out_TE + ((half * amx_unit + t) * value_units + u) * amx_unit, rows[t]);
        }
    }
}

}  // namespace plumb::kernels::attention::tiles
#endif
