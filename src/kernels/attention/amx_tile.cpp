// SPDX-License-Identifier: Apache-2.0
// The arithmetic of attention on AMX tiles: 32 rows against the keys of a head, strip by strip of 128 keys (online softmax: Milakov and
// Gimelshein, arXiv 1805.02867). Transposed: keys are rows and queries lanes, so that maxima, sums and masks need no horizontal step.
//
//   scores         S[j, t] = sum_d K[j, d] Q^T[d, t]       tiles, stored to score_JT
//   bias, hide     S = scale S + bias; hidden: -inf        score_JT in place, only where there is one
//   probabilities  P[j, t] = 2^(c (S - m)), rounded        AVX-512, score_JT to tiles in `probability`; l += sum of the rounded P
//   outputs        O[e, t] += sum_j V^T[e, j] P[j, t]      tiles, 256 keys at a time, so that output_ET is loaded and stored once for them
//
// m is no running maximum: it is the largest score of the first strip in which the row sees a key, and moves only when a strip's sum passes
// `largest_sum`; the exponent of fp32 takes up the rest. So almost every strip is read once, without a pass for the maximum. When m does
// move, what was summed shrinks by 2^(c (m_old - m_new)) and the strip is exponentiated again. A lane decides for itself, and lanes that
// keep m multiply by exactly 1: a row's bits do not depend on its neighbours, nor on how keys are spread over calls of the product.
//
// Phases of a strip follow one another. The softmax (12 vector instructions for 16 scores of one part) could be interleaved with the
// products of the next strip; products occupy one of the two ports that it runs on, so what that gains must be measured. No AMX host has
// measured this file yet.
//
// Compiled with its own flags (src/kernels/CMakeLists.txt): amx_kernel.h says what that forbids.
#include "kernels/attention/amx_kernel.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__)
#include "kernels/attention/amx_pack.h"
#include "kernels/attention/amx_products.h"
#include "kernels/attention/amx_scores.h"
#include "kernels/attention/amx_softmax.h"

namespace plumb::kernels::attention::tiles {
namespace {

/// A strip's sum of probabilities above this moves m: then no probability passes it, and no output grows past it times what softmax gives.
constexpr float largest_sum = 1024.0F;
/// m of a row that has seen no visible key: finite, so that hidden scores subtract it without making inf - inf.
constexpr float unset = -3.402823466e+38F;

/// Goes through blocks of up to 256 keys for one block of rows.
template <int parts>
class Pass {
  public:
    Pass(const AmxTask& task, const AmxBlock& block, const AmxScratch& scratch)
        : task_(task), block_(block), scratch_(scratch), sight_(sight_of(block)), scale_(_mm512_set1_ps(task.exponent_scale)) {}

    void absorb(std::int64_t block_first) {
        first_key_ = block_first;
        weighed_ = filled_ = 0;
        const std::int64_t block_end = least(least(block_first + amx_block_keys, task_.key_count), sight_.some_end);
        for (std::int64_t first = block_first; first < block_end; first += amx_strip) {
            const Strip strip{first, least(first + amx_strip, block_end)};
            // A strip that no row sees adds exact zeros; probabilities of it must exist only between strips that are weighed together.
            if (strip.end <= sight_.some_begin) {
                weigh();
                weighed_ = filled_ = (first + amx_strip - first_key_) / amx_step;
            } else {
                absorb_strip(strip);
            }
        }
        weigh();
    }

  private:
    static std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

    void absorb_strip(const Strip& strip) {
        const std::int64_t steps = strip.padded() / amx_step;
        const Hidden hidden = mark_hidden(block_, sight_, strip, scratch_.hidden_CT);
        if (hidden == Hidden::everything) {
            weigh();
            weighed_ = filled_ += steps;
            return;
        }
        score(strip);
        if (sight_.biased) add_bias(task_, block_, strip, scratch_.bias_JT, scratch_.score_JT);
        if (hidden == Hidden::something) hide(scratch_.hidden_CT, strip.padded(), scratch_.score_JT);
        for (int half = 0; half < 2; ++half) turn_into_probabilities(strip.padded(), half);
        filled_ += steps;
    }

    void score(const Strip& strip) const {
        const std::ptrdiff_t unit = amx_key_unit_bytes(task_.head_steps, parts);
        const Left keys{task_.keys + strip.first / amx_unit * unit, unit, parts * amx_tile_bytes};
        multiply<parts, false>(keys, block_.query, strip.padded() / amx_unit, task_.head_steps, scratch_.score_JT);
    }

    void turn_into_probabilities(std::int64_t keys, int half) {
        float* maximum = block_.maximum_T + half * amx_unit;
        float* sum = block_.sum_T + half * amx_unit;
        const float* score = scratch_.score_JT + half * amx_unit;
        std::byte* probability = scratch_.probability + (filled_ * 2 + half) * parts * amx_tile_bytes;

        const __mmask16 fresh = _mm512_cmp_ps_mask(_mm512_load_ps(maximum), _mm512_set1_ps(unset), _CMP_EQ_OQ);
        if (fresh != 0) move_maximum(fresh, keys, half);
        __m512 added = exponentiate<parts>(score, keys, _mm512_load_ps(maximum), scale_, probability);
        const __mmask16 large = _mm512_cmp_ps_mask(added, _mm512_set1_ps(largest_sum), _CMP_NLE_UQ);  // NaN too
        if (large != 0) {
            move_maximum(large, keys, half);
            added = exponentiate<parts>(score, keys, _mm512_load_ps(maximum), scale_, probability);
        }
        _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), added));
    }

    /// Makes m of `lanes` the largest score of the strip where that is larger.
    void move_maximum(__mmask16 lanes, std::int64_t keys, int half) {
        weigh();
        float* kept = block_.maximum_T + half * amx_unit;
        const __m512 before = _mm512_load_ps(kept);
        const __m512 after = _mm512_mask_mov_ps(before, lanes, largest(scratch_.score_JT + half * amx_unit, keys, before));
        _mm512_store_ps(kept, after);
        const __m512 shrunk = exp2_exact(_mm512_mul_ps(_mm512_sub_ps(before, after), scale_));
        const __mmask16 moved = _mm512_cmp_ps_mask(before, after, _CMP_NEQ_UQ);
        const __m512 factor = _mm512_mask_mov_ps(_mm512_set1_ps(1.0F), moved, shrunk);
        float* sum = block_.sum_T + half * amx_unit;
        _mm512_store_ps(sum, _mm512_mul_ps(_mm512_load_ps(sum), factor));
        float* output = block_.output_ET + half * amx_unit;
        for (std::int64_t e = 0; e < task_.value_units * amx_unit; ++e)
            _mm512_store_ps(output + e * amx_rows, _mm512_mul_ps(_mm512_load_ps(output + e * amx_rows), factor));
    }

    /// Adds what the probabilities since the last call weigh.
    void weigh() {
        if (weighed_ == filled_ || task_.value_units == 0) return;
        const std::ptrdiff_t step = amx_value_step_bytes(task_.value_units, parts);
        const Left values{task_.values + (first_key_ / amx_step + weighed_) * step, parts * amx_tile_bytes, step};
        multiply<parts, true>(values, scratch_.probability + weighed_ * 2 * parts * amx_tile_bytes, task_.value_units, filled_ - weighed_,
                              block_.output_ET);
        weighed_ = filled_;
    }

    const AmxTask& task_;
    const AmxBlock& block_;
    const AmxScratch& scratch_;
    const Sight sight_;
    const __m512 scale_;
    std::int64_t first_key_ = 0;
    std::int64_t weighed_ = 0;  ///< steps of this block of keys that output_ET holds
    std::int64_t filled_ = 0;   ///< steps that have probabilities, or that no row sees
};

template <int parts>
void attend_parts(const AmxTask& task, const AmxScratch& scratch) {
    for (std::int64_t first = 0; first < task.key_count; first += amx_block_keys) {
        for (std::int64_t i = 0; i < task.block_count; ++i) Pass<parts>(task, task.blocks[i], scratch).absorb(first);
    }
}

void attend(const AmxTask& task, const AmxScratch& scratch) {
    for (std::int64_t i = 0; i < task.block_count; ++i) {
        const AmxBlock& block = task.blocks[i];
        for (std::int64_t t = 0; t < amx_rows; ++t) {
            block.maximum_T[t] = unset;
            block.sum_T[t] = 0;
        }
        for (std::int64_t at = 0; at < task.value_units * unit_sums; ++at) block.output_ET[at] = 0;
    }
    configure();
    if (task.parts == 1) {
        attend_parts<1>(task, scratch);
    } else {
        attend_parts<2>(task, scratch);
    }
    release();
}

constexpr AmxKernel kernel = {pack_keys, pack_queries, pack_values, attend, normalise};

}  // namespace
}  // namespace plumb::kernels::attention::tiles

namespace plumb::kernels::attention {
const AmxKernel* amx_kernel() {
    return &tiles::kernel;
}
}  // namespace plumb::kernels::attention

#else

namespace plumb::kernels::attention {
const AmxKernel* amx_kernel() {
    return nullptr;
}
}  // namespace plumb::kernels::attention

#endif
