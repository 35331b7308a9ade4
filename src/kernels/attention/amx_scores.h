// SPDX-License-Identifier: Apache-2.0
// What happens to the scores of a strip between the product and the softmax: bias and hidden keys. Rows stand in lanes.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/amx_kernel.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

namespace plumb::kernels::attention::tiles {

/// Keys [first, end) of a strip; `padded` of them have scores: whole steps, what lies behind the last key is hidden.
struct Strip {
    std::int64_t first = 0;
    std::int64_t end = 0;

    std::int64_t padded() const { return (end - first + amx_step - 1) / amx_step * amx_step; }
};

/// What the rows of a block see, taken together.
struct Sight {
    std::int64_t some_begin = 0;  ///< keys that some row sees by its place
    std::int64_t some_end = 0;
    std::int64_t all_begin = 0;  ///< keys that all rows do
    std::int64_t all_end = 0;
    bool marked = false;  ///< there is a boolean mask
    bool biased = false;
};

static inline const AmxRow& lane_row(const AmxBlock& block, std::int64_t t) {
    return block.rows[t < block.row_count ? t : block.row_count - 1];
}

static inline Sight sight_of(const AmxBlock& block) {
    Sight sight{block.rows[0].begin,          block.rows[0].end, block.rows[0].begin, block.rows[0].end, block.rows[0].hidden != nullptr,
                block.rows[0].bias != nullptr};
    for (std::int64_t t = 1; t < block.row_count; ++t) {
        const AmxRow& row = block.rows[t];
        sight.some_begin = row.begin < sight.some_begin ? row.begin : sight.some_begin;
        sight.some_end = row.end > sight.some_end ? row.end : sight.some_end;
        sight.all_begin = row.begin > sight.all_begin ? row.begin : sight.all_begin;
        sight.all_end = row.end < sight.all_end ? row.end : sight.all_end;
    }
    return sight;
}

enum class Hidden { nothing, something, everything };

/// One bit a key for 32 keys from `first` on, 1 = hidden from the row.
static inline std::uint32_t hidden_bits(const AmxRow& row, std::int64_t first) {
    const auto below = [&](std::int64_t key) {  // the bits of the keys before `key`
        const std::int64_t count = key - first;
        return count <= 0 ? 0U : count >= amx_step ? ~0U : (1U << count) - 1U;
    };
    const std::uint32_t seen = below(row.end) & ~below(row.begin);
    if (row.hidden == nullptr || seen == 0) return ~seen;
    const __m256i marks = _mm256_maskz_loadu_epi8(seen, row.hidden + first);
    return ~seen | _mm256_test_epi8_mask(marks, marks);
}

/// Writes the bits of the strip, unless no row misses a key of it.
static inline Hidden mark_hidden(const AmxBlock& block, const Sight& sight, const Strip& strip, std::uint32_t* hidden_CT) {
    const bool whole = strip.end - strip.first == strip.padded();
    if (whole && !sight.marked && sight.all_begin <= strip.first && strip.end <= sight.all_end) return Hidden::nothing;
    std::uint32_t any = 0;
    std::uint32_t all = ~0U;
    for (std::int64_t j = 0; j < strip.padded(); j += amx_step) {
        for (std::int64_t t = 0; t < amx_rows; ++t) {
            const std::uint32_t bits = hidden_bits(lane_row(block, t), strip.first + j);
            hidden_CT[j / amx_step * amx_rows + t] = bits;
            any |= bits;
            all &= bits;
        }
    }
    if (all == ~0U) return Hidden::everything;
    return any == 0 ? Hidden::nothing : Hidden::something;
}

/// Hidden scores become -inf, whatever they were.
static inline void hide(const std::uint32_t* hidden_CT, std::int64_t keys, float* score_JT) {
    const __m512 hidden_score = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(0xff800000U)));
    for (int half = 0; half < 2; ++half) {
        for (std::int64_t j = 0; j < keys; ++j) {
            const __m512i bits = _mm512_load_si512(hidden_CT + j / amx_step * amx_rows + half * amx_unit);
            const __mmask16 hidden = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(static_cast<int>(1U << (j % amx_step))));
            _mm512_mask_store_ps(score_JT + j * amx_rows + half * amx_unit, hidden, hidden_score);
        }
    }
}

/// scores x bias_scale + bias. Scores behind the last key stay: they are hidden later.
static inline void add_bias(const AmxTask& task, const AmxBlock& block, const Strip& strip, float* bias_JT, float* score_JT) {
    const std::int64_t keys = strip.end - strip.first;
    for (std::int64_t t = 0; t < amx_rows; ++t) {
        const float* bias = lane_row(block, t).bias;
        for (std::int64_t j = 0; j < keys; ++j) {
            const std::int64_t key = strip.first + j;
            const std::int64_t column = task.key_index == nullptr ? key : task.key_index[key];
            bias_JT[j * amx_rows + t] = bias[column * task.bias_column];
        }
    }
    const __m512 scale = _mm512_set1_ps(task.bias_scale);
    for (std::int64_t i = 0; i < keys * amx_rows; i += amx_unit)
        _mm512_store_ps(score_JT + i, _mm512_fmadd_ps(_mm512_load_ps(score_JT + i), scale, _mm512_load_ps(bias_JT + i)));
}

}  // namespace plumb::kernels::attention::tiles
#endif
