// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the fused loss on AMX tiles, with the products and the exponential of attention. Run under an emulator so far: no AMX
// host has measured it yet.
//
// Compiled with its own flags (src/kernels/CMakeLists.txt): amx_kernel.h says what that forbids.
#include "kernels/loss/amx_kernel.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

#include "kernels/attention/amx_products.h"
#include "kernels/attention/amx_softmax.h"

namespace plumb::kernels::loss {
namespace {

namespace tiles = attention::tiles;

template <bool adds>
void multiply(const tiles::Left& left, const std::byte* right, std::int64_t units, std::int64_t steps, int parts, float* sums) {
    tiles::configure();
    if (parts == 1) {
        tiles::multiply<1, adds>(left, right, units, steps, sums);
    } else {
        tiles::multiply<2, adds>(left, right, units, steps, sums);
    }
    tiles::release();
}

void multiply_logits(const std::byte* weight_rows, const std::byte* hidden, std::int64_t entries, std::int64_t feature_steps, int parts,
                     float* logits) {
    const std::ptrdiff_t step = parts * tiles::bytes;
    multiply<false>({weight_rows, feature_steps * step, step}, hidden, entries / 16, feature_steps, parts, logits);
}

void multiply_sums(const std::byte* weight_columns, const std::byte* exponentials, std::int64_t entries, std::int64_t feature_units,
                   int parts, float* sums) {
    const std::ptrdiff_t unit = parts * tiles::bytes;
    multiply<true>({weight_columns, unit, feature_units * unit}, exponentials, feature_units, entries / 32, parts, sums);
}

void multiply_gradient(const std::byte* kept, std::ptrdiff_t panel_stride, const std::byte* strip, std::int64_t panels,
                       std::int64_t entries, int parts, float* products) {
    multiply<false>({kept, parts * tiles::bytes, panel_stride}, strip, entries / 16, panels, parts, products);
}

void find_maxima(const float* logits, std::int64_t count, float* maximum) {
    for (int half = 0; half < 2; ++half) {
        const float* from = logits + half * 16;
        _mm512_storeu_ps(maximum + half * 16, tiles::largest(from, count, _mm512_loadu_ps(from)));
    }
}

void exponentiate(const float* logits, std::int64_t entries, const float* reference, int parts, std::byte* exponentials, float* sums) {
    const __m512 log2_e = _mm512_set1_ps(1.44269504088896340736F);
    for (int half = 0; half < 2; ++half) {
        const float* from = logits + half * 16;
        std::byte* to = exponentials + half * parts * tiles::bytes;
        const __m512 relative_to = _mm512_loadu_ps(reference + half * 16);
        const __m512 sum = parts == 1 ? tiles::exponentiate<1>(from, entries, relative_to, log2_e, to)
                                      : tiles::exponentiate<2>(from, entries, relative_to, log2_e, to);
        _mm512_storeu_ps(sums + half * 16, sum);
    }
}

void keep(const std::byte* exponentials, std::int64_t entries, int parts, std::byte* kept) {
    for (std::int64_t v = 0; v < entries; v += 2) {
        for (int part = 0; part < parts; ++part) {
            const std::byte* pair = exponentials + (v / 32 * 2 * parts + part) * tiles::bytes + v % 32 / 2 * tiles::row_bytes;
            std::byte* even = kept + (v / 16 * parts + part) * tiles::bytes + v % 16 * tiles::row_bytes;
            for (int half = 0; half < 2; ++half) {
                const __m512i both = _mm512_loadu_si512(pair + half * parts * tiles::bytes);
                auto* place = reinterpret_cast<__m256i*>(even + half * 32);
                _mm256_storeu_si256(place, _mm512_cvtepi32_epi16(both));
                _mm256_storeu_si256(place + 2, _mm512_cvtepi32_epi16(_mm512_srli_epi32(both, 16)));
            }
        }
    }
}

void pack_strip(const float* wide_RC, std::int64_t rows, int parts, std::byte* strip) {
    for (std::int64_t row = 0; row < rows; row += 2) {
        for (int half = 0; half < 2; ++half) {
            std::byte* pair = strip + (row / 32 * 2 + half) * parts * tiles::bytes + row % 32 / 2 * tiles::row_bytes;
            const __m512 even = _mm512_loadu_ps(wide_RC + row * 32 + half * 16);
            const __m512 odd = _mm512_loadu_ps(wide_RC + (row + 1) * 32 + half * 16);
            const __m512 even_high = tiles::round_nearest(even);
            const __m512 odd_high = tiles::round_nearest(odd);
            _mm512_storeu_si512(pair, tiles::interleave(even_high, odd_high));
            if (parts == 1) continue;
            const __m512 even_low = tiles::round_nearest(_mm512_sub_ps(even, even_high));
            const __m512 odd_low = tiles::round_nearest(_mm512_sub_ps(odd, odd_high));
            _mm512_storeu_si512(pair + tiles::bytes, tiles::interleave(even_low, odd_low));
        }
    }
}

constexpr AmxLossKernel kernel = {.multiply_logits = multiply_logits,
                                  .find_maxima = find_maxima,
                                  .exponentiate = exponentiate,
                                  .keep = keep,
                                  .multiply_sums = multiply_sums,
                                  .multiply_gradient = multiply_gradient,
                                  .pack_strip = pack_strip};

}  // namespace

const AmxLossKernel* amx_loss_kernel() {
    return &kernel;
}

}  // namespace plumb::kernels::loss

#else

namespace plumb::kernels::loss {
const AmxLossKernel* amx_loss_kernel() {
    return nullptr;
}
}  // namespace plumb::kernels::loss

#endif
