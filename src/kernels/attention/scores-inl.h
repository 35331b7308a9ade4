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
#include "kernels/attention/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

inline constexpr float hidden_score = -std::numeric_limits<float>::infinity();
/// Below every finite score, yet finite: a row that has seen no visible key subtracts it without making inf - inf.
inline constexpr float no_maximum = std::numeric_limits<float>::lowest();

/// A block of keys.
struct Block {
    std::int64_t first = 0;  ///< key
    std::int64_t keys = 0;

    std::int64_t end() const { return first + keys; }
};

/// Rows of a tile that share one block of scores, and where their parts of scratch and state stand.
struct SubTile {
    const Tile* tile = nullptr;
    std::int64_t first_row = 0;
    std::int64_t rows = 0;
    std::int64_t padded_rows = 0;  ///< whole vectors
    KeyRange some;                 ///< keys that some row sees by its place
    KeyRange all;                  ///< keys that all rows do
    bool marked = false;           ///< rows have a boolean mask
    bool biased = false;
    float exponent_scale = 1;  ///< probabilities are 2^(exponent_scale (score - maximum)); 1 where q carries the scale
    float bias_scale = 1;      ///< the score is bias_scale x (q k) + bias
    float* query_DT = nullptr;
    RowState state;

    const TileRow& row(std::int64_t t) const { return tile->rows[first_row + t]; }
    /// A padded row stands for the last one.
    const TileRow& padded_row(std::int64_t t) const { return row(HWY_MIN(t, rows - 1)); }
};

/// Writes q k of the block and its maxima per row. Keys outside: each is read once, and Q^T stays in the nearest cache.
inline void score_block(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const Floats d;
    const Tile& tile = *sub.tile;
    const std::int64_t padded_rows = sub.padded_rows;
    const float* keys = static_cast<const float*>(tile.k_MD) + block.first * tile.k_row;
    for (std::int64_t t = 0; t < padded_rows; t += lanes) hn::StoreU(hn::Set(d, hidden_score), d, scratch.block_maximum_T + t);
    in_pieces<score_vectors>(padded_rows / lanes, [&](auto vectors, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(vectors)::value;
        const std::int64_t t = first_vector * lanes;
        in_pieces<score_rows>(block.keys, [&](auto rows, std::int64_t j) HWY_ATTR {
            constexpr int Rows = decltype(rows)::value;
            const Accumulators<Rows, Vectors> score =
                multiply<Rows, Vectors>(keys + j * tile.k_row, tile.k_row, 1, sub.query_DT + t, padded_rows, tile.head_dim);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const std::int64_t at = t + v * lanes;
                Vector maximum = hn::LoadU(d, scratch.block_maximum_T + at);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r) {
                    hn::StoreU(score.at[r][v], d, scratch.score_JT + (j + r) * padded_rows + at);
                    maximum = hn::Max(maximum, score.at[r][v]);
                }
                hn::StoreU(maximum, d, scratch.block_maximum_T + at);
            }
        });
    });
}

/// Rewrites every score as `change(j, t, score)` of the lanes from row t on, and computes the block's maxima anew.
template <class Change>
HWY_INLINE void rewrite_scores(const TileScratch& scratch, std::int64_t padded_rows, std::int64_t keys, const Change& change) {
    const Floats d;
    for (std::int64_t t = 0; t < padded_rows; t += lanes) {
        Vector maximum = hn::Set(d, hidden_score);
        for (std::int64_t j = 0; j < keys; ++j) {
            float* score = scratch.score_JT + j * padded_rows + t;
            const Vector changed = change(j, t, hn::LoadU(d, score));
            hn::StoreU(changed, d, score);
            maximum = hn::Max(maximum, changed);
        }
        hn::StoreU(maximum, d, scratch.block_maximum_T + t);
    }
}

/// scores x bias_scale + bias.
inline void add_bias(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < sub.padded_rows; ++t) {
        const float* bias = sub.padded_row(t).bias;
        for (std::int64_t j = 0; j < block.keys; ++j) {
            const std::int64_t key = block.first + j;
            const std::int64_t column = sub.tile->key_index == nullptr ? key : sub.tile->key_index[key];
            scratch.bias_JT[j * sub.padded_rows + t] = bias[column * sub.tile->bias_column];
        }
    }
    const Vector scale = hn::Set(d, sub.bias_scale);
    rewrite_scores(scratch, sub.padded_rows, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        return hn::MulAdd(score, scale, hn::LoadU(d, scratch.bias_JT + j * sub.padded_rows + t));
    });
}

/// Hides keys by their place.
inline void hide_outside(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const Floats d;
    for (std::int64_t t = 0; t < sub.padded_rows; ++t) {
        // Bounded by the block, so that the numbers are exact in fp32.
        const KeyRange range = sub.padded_row(t).sees;
        scratch.begin_T[t] = static_cast<float>(std::clamp<std::int64_t>(range.begin - block.first, 0, block.keys));
        scratch.end_T[t] = static_cast<float>(std::clamp<std::int64_t>(range.end - block.first, 0, block.keys));
    }
    rewrite_scores(scratch, sub.padded_rows, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        const Vector key = hn::Set(d, static_cast<float>(j));
        const auto visible = hn::And(hn::Ge(key, hn::LoadU(d, scratch.begin_T + t)), hn::Lt(key, hn::LoadU(d, scratch.end_T + t)));
        return hn::IfThenElse(visible, score, hn::Set(d, hidden_score));
    });
}

/// Hides keys by the transposed bytes of the boolean mask.
inline void hide_marked(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const Floats d;
    const hn::RebindToUnsigned<Floats> words;
    const hn::Rebind<std::uint8_t, Floats> bytes;
    transpose_bytes(
        sub.rows, sub.padded_rows, block.keys, [&](std::int64_t t) { return sub.row(t).hidden + block.first; }, scratch.hidden_JT);
    rewrite_scores(scratch, sub.padded_rows, block.keys, [&](std::int64_t j, std::int64_t t, Vector score) HWY_ATTR {
        const auto marked = hn::PromoteTo(words, hn::LoadU(bytes, scratch.hidden_JT + j * sub.padded_rows + t));
        const auto hidden = hn::MaskFromVec(hn::BitCast(d, hn::VecFromMask(words, hn::Ne(marked, hn::Zero(words)))));
        return hn::IfThenElse(hidden, hn::Set(d, hidden_score), score);
    });
}

/// Applies the mask to the scores of a block that it touches.
inline void hide_block(const SubTile& sub, const Block& block, const TileScratch& scratch) {
    const bool cut = sub.all.begin > block.first || sub.all.end < block.end();
    if (cut) hide_outside(sub, block, scratch);
    if (sub.marked) hide_marked(sub, block, scratch);
}

/// No row sees a key of the block.
inline bool hidden_everywhere(const SubTile& sub, const Block& block) {
    if (!sub.marked) return false;
    for (std::int64_t t = 0; t < sub.rows; ++t) {
        const TileRow& row = sub.row(t);
        const std::int64_t begin = std::max(row.sees.begin, block.first);
        const std::int64_t end = std::min(row.sees.end, block.end());
        if (begin < end && std::memchr(row.hidden + begin, 0, static_cast<std::size_t>(end - begin)) != nullptr) return false;
    }
    return true;
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
