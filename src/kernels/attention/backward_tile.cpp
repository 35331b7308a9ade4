// SPDX-License-Identifier: Apache-2.0
// One tile of queries against one block of keys in the backward pass (equations in backward.h). Keys stand in lanes where scores are made,
// so that masks and biases are read as they lie in memory:
//
//   probabilities   P[t, j] = 2^(c (f sum_d Q[t, d] K^T[d, j] - lse[t]))          on the way out of the registers
//   score gradients dS[t, j] = P[t, j] (sum_e dO[t, e] V^T[e, j] - delta[t])     on the way out of the registers
//   hidden pairs    P = dS = 0                                                   only in blocks that the mask touches
//   gradients       dV += P^T dO,  dK += dS^T Q,  dQ += dS K                     sums over the tile or block start from zero in registers
//
// Rounding: a number of dV or dK is a sum of T fused multiply-adds for each tile, plus one addition a tile; dQ the same over blocks.
#include "kernels/attention/backward_tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/backward_tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/attention/product-inl.h"
#include "kernels/attention/softmax-inl.h"
#include "kernels/attention/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

// Long enough sums in registers (T for dK and dV, J for dQ), small enough that both tiles of scores stay in the second-level cache beside
// the operands; multiples of the register tiles of product-inl.h.
inline constexpr std::int64_t backward_tile_queries = 96;
inline constexpr std::int64_t backward_key_block = 144;

std::int64_t whole_vectors(std::int64_t count) {
    return (count + lanes - 1) / lanes * lanes;
}

void transpose_panels(const float* source, std::int64_t row_stride, std::int64_t rows, std::int64_t columns, float* target) {
    in_pieces<score_vectors>(whole_vectors(rows) / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(vectors)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        const float* row[width];
        for (std::int64_t i = 0; i < width; ++i) row[i] = source + HWY_MIN(first + i, rows - 1) * row_stride;
        transpose_rows(row, width, columns, Unchanged(), target + first * columns);
    });
}

/// Calls finish(sum, at, t) for each vector of sum_s rows[t, s] panels[s, j]: `at` is its place in a score tile.
template <class Finish>
HWY_INLINE void score_product(const BackwardTile& work, const float* rows_TS, std::int64_t row_stride, const float* panels_SJ,
                              std::int64_t steps, const Finish& finish) {
    in_pieces<score_vectors>(whole_vectors(work.block.keys) / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t j = first_vector * lanes;
        in_pieces<score_rows>(work.tile.queries, [&](auto rows, std::int64_t t) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> sum =
                multiply<Rows, Vectors>(rows_TS + t * row_stride, row_stride, 1, panels_SJ + j * steps, Vectors * lanes, steps);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) finish(sum.at[r][v], (t + r) * work.score_row + j + v * lanes, t + r);
            }
        });
    });
}

/// min(x, 0) that keeps NaN: x86 gives the second operand when either is NaN.
HWY_INLINE Vector at_most_zero(Vector x) {
    const Vector zero = hn::Zero(Floats());
#if HWY_TARGET == HWY_SCALAR
    return hn::IfThenElse(hn::Gt(x, zero), zero, x);
#else
    return hn::Min(zero, x);
#endif
}

void compute_probabilities(const BackwardTile& work) {
    const Floats d;
    const Exponential<true> exponential(work.exponent_scale);
    // A score above its log-sum-exp is one that fp32 holds too coarsely; no probability exceeds 1 for it.
    const auto finish = [&](Vector above_lse, std::int64_t at)
                            HWY_ATTR { hn::StoreU(exponential(at_most_zero(above_lse)), d, work.probability_TJ + at); };
    const Vector factor = hn::Set(d, work.score_factor);
    if (work.bias_TJ == nullptr) {
        score_product(work, work.tile.q_TD, work.block.k_row, work.block.k_DJ, work.head_dim,
                      [&](Vector product, std::int64_t at, std::int64_t t)
                          HWY_ATTR { finish(hn::MulSub(factor, product, hn::Set(d, work.tile.lse_T[t])), at); });
    } else {
        score_product(work, work.tile.q_TD, work.block.k_row, work.block.k_DJ, work.head_dim,
                      [&](Vector product, std::int64_t at, std::int64_t t) HWY_ATTR {
                          const Vector score = hn::MulAdd(factor, product, hn::LoadU(d, work.bias_TJ + at));
                          finish(hn::Sub(score, hn::Set(d, work.tile.lse_T[t])), at);
                      });
    }
}

void differentiate_scores(const BackwardTile& work) {
    const Floats d;
    score_product(work, work.tile.dout_TE, work.block.v_row, work.block.v_EJ, work.value_dim,
                  [&](Vector dprobability, std::int64_t at, std::int64_t t) HWY_ATTR {
                      const Vector centred = hn::Sub(dprobability, hn::Set(d, work.tile.delta_T[t]));
                      hn::StoreU(hn::Mul(hn::LoadU(d, work.probability_TJ + at), centred), d, work.dscore_TJ + at);
                  });
}

/// Zeros in place of whatever a hidden pair gave.
void clear_hidden(const BackwardTile& work, float* score_TJ) {
    const Floats d;
    const hn::RebindToUnsigned<Floats> words;
    const hn::Rebind<std::uint8_t, Floats> bytes;
    for (std::int64_t t = 0; t < work.tile.queries; ++t) {
        float* row = score_TJ + t * work.score_row;
        const std::int64_t begin = work.hidden.begin_T[t];
        const std::int64_t end = work.hidden.end_T[t];
        std::fill(row, row + begin, 0.0F);
        std::fill(row + end, row + work.block.keys, 0.0F);
        if (work.hidden.marked == nullptr) continue;
        const std::uint8_t* marked = work.hidden.marked + t * work.hidden.marked_row;
        std::int64_t j = begin;
        for (; j + lanes <= end; j += lanes) {
            const auto visible = hn::Eq(hn::PromoteTo(words, hn::LoadU(bytes, marked + j)), hn::Zero(words));
            const auto kept = hn::IfThenElseZero(visible, hn::BitCast(words, hn::LoadU(d, row + j)));
            hn::StoreU(hn::BitCast(d, kept), d, row + j);
        }
        for (; j < end; ++j) row[j] = marked[j] ? 0.0F : row[j];
    }
}

/// target[r, c] += sum_s a[r, s] b[s, c] over `rows` rows and whole vectors of columns.
HWY_INLINE void add_product(const float* a, std::int64_t a_row, std::int64_t a_step, const float* b, std::int64_t b_row, std::int64_t steps,
                            float* target, std::int64_t target_row, std::int64_t rows, std::int64_t columns) {
    const Floats d;
    in_pieces<output_vectors>(whole_vectors(columns) / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t c = first_vector * lanes;
        in_pieces<output_rows>(rows, [&](auto some_rows, std::int64_t first_row) HWY_ATTR {
            constexpr int Rows = decltype(some_rows)::value;
            const Accumulators<Rows, Vectors> sum = multiply<Rows, Vectors>(a + first_row * a_row, a_row, a_step, b + c, b_row, steps);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                float* row = target + (first_row + r) * target_row + c;
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) hn::StoreU(hn::Add(hn::LoadU(d, row + v * lanes), sum.at[r][v]), d, row + v * lanes);
            }
        });
    });
}

/// The three gradient products pair by pair, hidden pairs left out: for operands with NaN or inf. Slow; the same sums in another order.
void add_visible_pairs(const BackwardTile& work) {
    const KeyBlock& block = work.block;
    const QueryTile& tile = work.tile;
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        for (std::int64_t j = work.hidden.begin_T[t]; j < work.hidden.end_T[t]; ++j) {
            if (work.hidden.marked != nullptr && work.hidden.marked[t * work.hidden.marked_row + j] != 0) continue;
            const float probability = work.probability_TJ[t * work.score_row + j];
            const float dscore = work.dscore_TJ[t * work.score_row + j];
            for (std::int64_t e = 0; e < work.value_dim; ++e)
                block.dv_JE[j * block.v_row + e] += probability * tile.dout_TE[t * block.v_row + e];
            for (std::int64_t c = 0; c < work.head_dim; ++c) {
                block.dk_JD[j * block.k_row + c] += dscore * tile.q_TD[t * block.k_row + c];
                tile.dq_TD[t * tile.dq_row + c] += dscore * block.k_JD[j * block.k_row + c];
            }
        }
    }
}

void accumulate(const BackwardTile& work) {
    const KeyBlock& block = work.block;
    const QueryTile& tile = work.tile;
    compute_probabilities(work);
    differentiate_scores(work);
    if (work.hidden.any) {
        clear_hidden(work, work.probability_TJ);
        clear_hidden(work, work.dscore_TJ);
        if (work.hidden.only_visible) {
            add_visible_pairs(work);
            return;
        }
    }
    add_product(work.probability_TJ, 1, work.score_row, tile.dout_TE, block.v_row, tile.queries, block.dv_JE, block.v_row, block.keys,
                work.value_dim);
    add_product(work.dscore_TJ, 1, work.score_row, tile.q_TD, block.k_row, tile.queries, block.dk_JD, block.k_row, block.keys,
                work.head_dim);
    add_product(work.dscore_TJ, work.score_row, 1, block.k_JD, block.k_row, block.keys, tile.dq_TD, tile.dq_row, tile.queries,
                work.head_dim);
}

inline constexpr BackwardKernel backward_kernel = {backward_tile_queries, backward_key_block, score_vectors* lanes, transpose_panels,
                                                   accumulate};

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::attention {

const BackwardKernel& backward_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, backward_kernel);
}

}  // namespace plumb::kernels::attention
#endif
