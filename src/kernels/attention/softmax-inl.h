// SPDX-License-Identifier: Apache-2.0
// The softmax half of the fused kernel: rows (queries) stand in lanes, so that maxima, sums and corrections of rows are whole-vector
// operations without any reduction across lanes. Included once per instruction set.
#if defined(PLUMB_ATTENTION_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_SOFTMAX_INL_H_
#undef PLUMB_ATTENTION_SOFTMAX_INL_H_
#else
#define PLUMB_ATTENTION_SOFTMAX_INL_H_
#endif

#include "kernels/attention/exponential-inl.h"
#include "kernels/attention/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Scores of `Vectors` x lanes rows from row t on become probabilities relative to the new maximum; sums, maxima and corrections move on.
template <int Vectors, bool Scaled>
HWY_INLINE void exponentiate(const Exponential<Scaled>& exponential, const SubTile& sub, std::int64_t keys, std::int64_t t,
                             const TileScratch& scratch) {
    const Floats d;
    Vector maximum[Vectors];
    Vector sum[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t at = t + v * lanes;
        const Vector old_maximum = hn::LoadU(d, sub.state.maximum_T + at);
        maximum[v] = hn::Max(old_maximum, hn::LoadU(d, scratch.block_maximum_T + at));
        hn::StoreU(maximum[v], d, sub.state.maximum_T + at);
        hn::StoreU(exponential(hn::Sub(old_maximum, maximum[v])), d, scratch.correction_T + at);
        sum[v] = hn::Zero(d);
    }
    for (std::int64_t j = 0; j < keys; ++j) {
        float* row = scratch.score_JT + j * sub.padded_rows + t;
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const Vector probability = exponential(hn::Sub(hn::LoadU(d, row + v * lanes), maximum[v]));
            hn::StoreU(probability, d, row + v * lanes);
            sum[v] = hn::Add(sum[v], probability);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t at = t + v * lanes;
        const Vector correction = hn::LoadU(d, scratch.correction_T + at);
        hn::StoreU(hn::MulAdd(correction, hn::LoadU(d, sub.state.sum_T + at), sum[v]), d, sub.state.sum_T + at);
    }
}

template <bool Scaled>
HWY_INLINE void exponentiate_block(const Exponential<Scaled>& exponential, const SubTile& sub, std::int64_t keys,
                                   const TileScratch& scratch) {
    in_pieces<score_vectors>(sub.padded_rows / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        exponentiate<decltype(vectors)::value>(exponential, sub, keys, first_vector * lanes, scratch);
    });
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
