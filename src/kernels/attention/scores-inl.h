// SPDX-License-Identifier: Apache-2.0
// The scores of one block of keys: product, bias, mask. Queries stand in lanes. Included once per instruction set.
#if defined(PLUMB_ATTENTION_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_SCORES_INL_H_
#undef PLUMB_ATTENTION_SCORES_INL_H_
#else
#define PLUMB_ATTENTION_SCORES_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/attention/product-inl.h"
#include "kernels/attention/tile.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

inline constexpr float hidden_score = -std::numeric_limits<float>::infinity();

/// A block of keys.
struct Block {
    std::int64_t first = 0;  ///< key
    std::int64_t keys = 0;

    std::int64_t end() const { return first + keys; }
};

/// Writes q k of the block and its maxima per query.
inline void score_block(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; t += lanes) hn::StoreU(hn::Set(d, hidden_score), d, scratch.block_maximum_T + t);
    in_pieces<score_vectors>(padded_queries / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t t = first_vector * lanes;
        in_pieces<score_rows>(block.keys, [&](auto rows, std::int64_t j) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> score = multiply<Rows, Vectors>(tile.k_MD + (block.first + j) * tile.k_row, tile.k_row, 1,
                                                                              scratch.query_DT + t, padded_queries, tile.head_dim);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const std::int64_t at = t + v * lanes;
                Vector maximum = hn::LoadU(d, scratch.block_maximum_T + at);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r) {
                    hn::StoreU(score.at[r][v], d, scratch.score_JT + (j + r) * padded_queries + at);
                    maximum = hn::Max(maximum, score.at[r][v]);
                }
                hn::StoreU(maximum, d, scratch.block_maximum_T + at);
            }
        });
    });
}

/// Rewrites every score as `change(j, t, score)` of the lanes from query t on, and computes the block's maxima anew.
template <class Change>
HWY_INLINE void rewrite_scores(const TileScratch& scratch, std::int64_t padded_queries, std::int64_t keys, const Change& change) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; t += lanes) {
        Vector maximum = hn::Set(d, hidden_score);
        for (std::int64_t j = 0; j < keys; ++j) {
            float* score = scratch.score_JT + j * padded_queries + t;
            const Vector changed = change(j, t, hn::LoadU(d, score));
            hn::StoreU(changed, d, score);
            maximum = hn::Max(maximum, changed);
        }
        hn::StoreU(maximum, d, scratch.block_maximum_T + t);
    }
}

/// scores x bias_scale + bias, transposed on the way.
inline void add_bias(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    if (tile.key_index == nullptr) {
        transpose_rows(tile.bias + block.first * tile.bias_column, tile.bias_row, tile.bias_column, tile.queries, padded_queries,
                       block.keys, 1.0F, scratch.bias_JT);
    } else {
        for (std::int64_t j = 0; j < block.keys; ++j) {
            const float* column = tile.bias + tile.key_index[block.first + j] * tile.bias_column;
            for (std::int64_t t = 0; t < padded_queries; ++t)
                scratch.bias_JT[j * padded_queries + t] = column[HWY_MIN(t, tile.queries - 1) * tile.bias_row];
        }
    }
    const Vector scale = hn::Set(d, tile.bias_scale);
    rewrite_scores(scratch, padded_queries, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        return hn::MulAdd(score, scale, hn::LoadU(d, scratch.bias_JT + j * padded_queries + t));
    });
}

/// Hides keys by their place.
inline void hide_outside(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_queries; ++t) {
        // Bounded by the block, so that the numbers are exact in fp32.
        const KeyRange range = tile.sees(HWY_MIN(t, tile.queries - 1));
        scratch.begin_T[t] = static_cast<float>(std::clamp<std::int64_t>(range.begin - block.first, 0, block.keys));
        scratch.end_T[t] = static_cast<float>(std::clamp<std::int64_t>(range.end - block.first, 0, block.keys));
    }
    rewrite_scores(scratch, padded_queries, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        const Vector key = hn::Set(d, static_cast<float>(j));
        const auto visible = hn::And(hn::Ge(key, hn::LoadU(d, scratch.begin_T + t)), hn::Lt(key, hn::LoadU(d, scratch.end_T + t)));
        return hn::IfThenElse(visible, score, hn::Set(d, hidden_score));
    });
}

/// Hides keys by the transposed bytes of the boolean mask.
inline void hide_marked(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    const Floats d;
    const hn::RebindToUnsigned<Floats> words;
    const hn::Rebind<std::uint8_t, Floats> bytes;
    transpose_hidden(tile.hidden + block.first, tile.hidden_row, tile.queries, padded_queries, block.keys, scratch.hidden_JT);
    rewrite_scores(scratch, padded_queries, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        const auto marked = hn::PromoteTo(words, hn::LoadU(bytes, scratch.hidden_JT + j * padded_queries + t));
        const auto hidden = hn::MaskFromVec(hn::BitCast(d, hn::VecFromMask(words, hn::Ne(marked, hn::Zero(words)))));
        return hn::IfThenElse(hidden, hn::Set(d, hidden_score), score);
    });
}

/// Applies the mask to the scores of a block that it touches.
inline void hide_block(const Tile& tile, const Block& block, std::int64_t padded_queries, const TileScratch& scratch) {
    // Ranges only move on: the last query begins last, the first one ends first.
    const bool cut = tile.sees(tile.queries - 1).begin > block.first || tile.sees(0).end < block.end();
    if (cut) hide_outside(tile, block, padded_queries, scratch);
    if (tile.hidden != nullptr) hide_marked(tile, block, padded_queries, scratch);
}

/// No query of the tile sees a key of the block.
inline bool hidden_everywhere(const Tile& tile, const Block& block) {
    if (tile.hidden == nullptr) return false;
    for (std::int64_t t = 0; t < tile.queries; ++t) {
        const KeyRange range = tile.sees(t);
        const std::int64_t begin = std::max(range.begin, block.first);
        const std::int64_t end = std::min(range.end, block.end());
        if (begin >= end) continue;
        if (std::memchr(tile.hidden + t * tile.hidden_row + begin, 0, static_cast<std::size_t>(end - begin)) != nullptr) return false;
    }
    return true;
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
