// SPDX-License-Identifier: Apache-2.0
// Probabilities of one strip of scores, for 16 rows in lanes: fp32 on AVX-512, written as the right operand of the product with values.
//
// 2^y = 2^floor(y) 2^f with f = y - floor(y) in [0, 1). 2^f is a polynomial whose largest relative error over [0, 1) is smallest (Remez'
// exchange, coefficients rounded to fp32, error found over 20001 points):
//   one part    degree 3, error 7.5e-5, a fiftieth of the 2^-8 that rounding to bf16 adds
//   two parts   degree 5, error 9.1e-8; with its 5 fused multiply-adds (f <= 1, so each adds at most 2^-24 of the result) below 4e-7, a
//               fortieth of the 2^-16 of the split
// y = scale (score - maximum) is two roundings, 2^-23 |y| ln 2 of the result: 1.7e-6 where the probability is 2^-20, less where it counts.
// -inf gives 0 (VREDUCE of an infinity is 0), what lies below 2^-149 too; NaN stays NaN.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/amx_kernel.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

namespace plumb::kernels::attention::tiles {

/// The mantissa's part of 2^y, plus `lift`.
template <int parts>
inline __m512 power_of_fraction(__m512 fraction, float lift) {
    const auto step = [&](__m512 sum, float coefficient) { return _mm512_fmadd_ps(sum, fraction, _mm512_set1_ps(coefficient)); };
    if constexpr (parts == 1) {
        const __m512 sum = step(_mm512_set1_ps(7.8024521470e-02F), 2.2606715560e-01F);
        return step(step(sum, 6.9583356380e-01F), 9.9992519617e-01F + lift);
    } else {
        __m512 sum = step(_mm512_set1_ps(1.8775766948e-03F), 8.9893396944e-03F);
        sum = step(step(sum, 5.5826317519e-02F), 2.4015361071e-01F);
        return step(step(sum, 6.9315308332e-01F), 9.9999994040e-01F + lift);
    }
}

template <int parts>
inline __m512 exp2_lifted(__m512 y, float lift) {
    constexpr int floor_quietly = 0x09;
    return _mm512_scalef_ps(power_of_fraction<parts>(_mm512_reduce_ps(y, floor_quietly), lift), y);
}

/// 2^y to two parts' accuracy.
inline __m512 exp2_exact(__m512 y) {
    return exp2_lifted<2>(y, 0.0F);
}

static inline __m512i upper_half() {
    return _mm512_set1_epi32(static_cast<int>(0xffff0000U));
}

/// To the nearest bf16, ties away from zero. NaN stays NaN.
static inline __m512 round_nearest(__m512 x) {
    const __m512i rounded = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
    return _mm512_castsi512_ps(_mm512_and_si512(rounded, upper_half()));
}

/// Upper halves of both, `even`'s below `odd`'s, by one shuffle.
static inline __m512i interleave(__m512 even, __m512 odd) {
    const __m512i swap = _mm512_broadcast_i32x4(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    constexpr __mmask64 lower_halves = 0x3333333333333333ULL;
    return _mm512_mask_shuffle_epi8(_mm512_castps_si512(odd), lower_halves, _mm512_castps_si512(even), swap);
}

/// Scores of the strip's keys (a multiple of 32; rows of 32 numbers, 16 of them from score_JT on) become probabilities in tiles; returns
/// the sum over keys of the ROUNDED probabilities, so that weights add up to 1.
template <int parts>
inline __m512 exponentiate(const float* score_JT, std::int64_t keys, __m512 maximum, __m512 scale, std::byte* probability) {
    __m512 even_sum = _mm512_setzero_ps();
    __m512 odd_sum = _mm512_setzero_ps();
    for (std::int64_t j = 0; j < keys; j += 2) {
        const auto exponent = [&](std::int64_t key) {
            return _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(score_JT + key * amx_rows), maximum), scale);
        };
        std::byte* pair = probability + j / amx_step * 2 * parts * amx_tile_bytes + j % amx_step / 2 * 64;
        if constexpr (parts == 1) {
            // Half a unit of bf16 in [1, 2) goes into the polynomial's last coefficient: cutting off the lower half then rounds.
            constexpr float half_unit = 0x1p-8F;
            const __m512i pairs = interleave(exp2_lifted<1>(exponent(j), half_unit), exp2_lifted<1>(exponent(j + 1), half_unit));
            _mm512_store_si512(pair, pairs);
            even_sum = _mm512_add_ps(even_sum, _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)));
            odd_sum = _mm512_add_ps(odd_sum, _mm512_castsi512_ps(_mm512_and_si512(pairs, upper_half())));
        } else {
            const __m512 even = exp2_exact(exponent(j));
            const __m512 odd = exp2_exact(exponent(j + 1));
            const __m512 even_high = round_nearest(even);
            const __m512 odd_high = round_nearest(odd);
            const __m512 even_low = round_nearest(_mm512_sub_ps(even, even_high));
            const __m512 odd_low = round_nearest(_mm512_sub_ps(odd, odd_high));
            _mm512_store_si512(pair, interleave(even_high, odd_high));
            _mm512_store_si512(pair + amx_tile_bytes, interleave(even_low, odd_low));
            even_sum = _mm512_add_ps(even_sum, _mm512_add_ps(even_high, even_low));
            odd_sum = _mm512_add_ps(odd_sum, _mm512_add_ps(odd_high, odd_low));
        }
    }
    return _mm512_add_ps(even_sum, odd_sum);
}

/// Largest score of each lane.
static inline __m512 largest(const float* score_JT, std::int64_t keys, __m512 start) {
    for (std::int64_t j = 0; j < keys; ++j) start = _mm512_max_ps(start, _mm512_load_ps(score_JT + j * amx_rows));
    return start;
}

}  // namespace plumb::kernels::attention::tiles
#endif
