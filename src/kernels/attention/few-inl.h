// SPDX-License-Identifier: Apache-2.0
// Few rows against many keys (decoding): limited by the reading of keys and values, so both are read once, in place, whatever their type,
// and byte after byte: the CPU's prefetcher follows one stream at the bandwidth of memory, but not several keys side by side (a third of
// it), and prefetches by the program are too few at a time. Numbers of a row stand in lanes; a score is a dot product. Included once per
// instruction set.
#if defined(PLUMB_ATTENTION_FEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_FEW_INL_H_
#undef PLUMB_ATTENTION_FEW_INL_H_
#else
#define PLUMB_ATTENTION_FEW_INL_H_
#endif

#include "kernels/attention/few-rows-inl.h"
#include "kernels/attention/outputs-inl.h"
#include "kernels/attention/pack-inl.h"
#include "kernels/attention/scale-inl.h"
#include "kernels/attention/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Products of every row's query with the keys of the block.
template <base::Dtype dtype>
HWY_INLINE void score_few(const FewRows& few, const Block& block) {
    const Tile& tile = *few.tile;
    in_pieces<wide_keys>(block.keys, [&](auto keys, std::int64_t j) HWY_ATTR {
        constexpr int Keys = decltype(keys)::value;
        const void* first = base::advance(dtype, tile.k_MD, (block.first + j) * tile.k_row);
        with_source<dtype>(few, first, tile.k_row, Keys, tile.head_dim, [&](const auto& source) HWY_ATTR {
            for (std::int64_t t = 0; t < few.rows(); ++t) {
                const float* query = few.query(t);
                if (few.rows() > 1) {
                    dot_products<Keys>(source, query, few.head_columns, few.scores(t) + j);
                    continue;
                }
                for (int i = 0; i < Keys; ++i) few.scores(t)[j + i] = dot_product(source, i, query, few.head_columns);
            }
        });
    });
}

/// Bias and mask of one row. Returns whether a key of the block is hidden from it.
inline bool change_scores(const FewRows& few, const Block& block, std::int64_t t) {
    const Tile& tile = *few.tile;
    const TileRow& row = tile.rows[t];
    float* score = few.scores(t);
    if (few.biased) {
        for (std::int64_t j = 0; j < block.keys; ++j) score[j] = score[j] * few.bias_scale + row.bias[(block.first + j) * tile.bias_column];
    }
    const bool cut = row.sees.begin > block.first || row.sees.end < block.end();
    if (!cut && !few.marked) return false;
    for (std::int64_t j = 0; j < block.keys; ++j) {
        if (tile.is_hidden(t, block.first + j)) score[j] = hidden_score;
    }
    return true;
}

/// Scores of one row become probabilities; its maximum and sum move on. Returns the power of two by which what was summed before shrinks.
template <bool Scaled>
HWY_INLINE float exponentiate_row(const Exponential<Scaled>& exponential, const FewRows& few, std::int64_t keys, std::int64_t t) {
    const Floats d;
    float* score = few.scores(t);
    std::fill(score + keys, score + padded(keys), hidden_score);
    Vector largest = hn::Set(d, few.state.maximum_T[t]);
    for (std::int64_t j = 0; j < keys; j += lanes) largest = hn::Max(largest, hn::LoadU(d, score + j));
    const Vector maximum = hn::Set(d, hn::GetLane(hn::MaxOfLanes(d, largest)));
    const float correction = hn::GetLane(exponential(hn::Sub(hn::Set(d, few.state.maximum_T[t]), maximum)));
    Vector sum = hn::Zero(d);
    for (std::int64_t j = 0; j < keys; j += lanes) {
        const Vector probability = exponential(hn::Sub(hn::LoadU(d, score + j), maximum));
        hn::StoreU(probability, d, score + j);
        sum = hn::Add(sum, probability);
    }
    few.state.maximum_T[t] = hn::GetLane(maximum);
    few.state.sum_T[t] = correction * few.state.sum_T[t] + hn::GetLane(hn::SumOfLanes(d, sum));
    return correction;
}

/// Sums of the whole block; a key hidden from a row adds nothing to it, where 0 x NaN would be NaN.
template <base::Dtype dtype>
HWY_INLINE void weigh_block_few(const FewRows& few, const Block& block, const bool* hides) {
    const Tile& tile = *few.tile;
    in_pieces<wide_keys>(block.keys, [&](auto keys, std::int64_t j) HWY_ATTR {
        constexpr int Keys = decltype(keys)::value;
        const void* first = base::advance(dtype, tile.v, (block.first + j) * tile.v_row);
        with_source<dtype>(few, first, tile.v_row, Keys, tile.value_dim, [&](const auto& source) HWY_ATTR {
            for (std::int64_t t = 0; t < few.rows(); ++t) {
                if (few.rows() > 1 && !hides[t]) {
                    weigh_keys<Keys>(few, source, t, j);
                    continue;
                }
                if (few.value_columns == most_sums * lanes && !hides[t]) {
                    weigh_in_registers<Keys>(few, source, t, j);
                    continue;
                }
                for (std::int64_t i = 0; i < Keys; ++i) {
                    if (hides[t] && tile.is_hidden(t, block.first + j + i)) continue;
                    weigh_key(few, source, i, t, j + i);
                }
            }
        });
    });
}

/// O = correction O + sums of the block, of row t.
inline void add_block_few(const FewRows& few, std::int64_t t, float shrink) {
    const Floats d;
    float* kept = few.state.output_TP + t * few.value_columns;
    const Vector correction = hn::Set(d, shrink);
    for (std::int64_t c = 0; c < few.value_columns; c += lanes)
        hn::StoreU(hn::MulAdd(correction, hn::LoadU(d, kept + c), hn::LoadU(d, few.block_sums(t) + c)), d, kept + c);
}

template <base::Dtype dtype, bool Scaled>
HWY_INLINE void absorb_few(const Exponential<Scaled>& exponential, const FewRows& few, const Block& block) {
    bool hides[most_few_rows];
    float corrections[most_few_rows];
    score_few<dtype>(few, block);
    for (std::int64_t t = 0; t < few.rows(); ++t) {
        hides[t] = change_scores(few, block, t);
        corrections[t] = exponentiate_row(exponential, few, block.keys, t);
        std::fill(few.block_sums(t), few.block_sums(t) + few.value_columns, 0.0F);
    }
    weigh_block_few<dtype>(few, block, hides);
    for (std::int64_t t = 0; t < few.rows(); ++t) add_block_few(few, t, corrections[t]);
}

template <base::Dtype dtype, bool Scaled>
HWY_NOINLINE void absorb_all_few(const FewRows& few) {
    const Exponential<Scaled> exponential(few.exponent_scale);
    const KeyRange& keys = few.tile->keys;
    for (Block block{keys.begin, 0}; block.first < keys.end; block.first += block_keys) {
        block.keys = std::min(block_keys, keys.end - block.first);
        absorb_few<dtype>(exponential, few, block);
    }
}

template <base::Dtype dtype>
void absorb_all_few(const FewRows& few) {
    if (few.exponent_scale == 1) {
        absorb_all_few<dtype, false>(few);
    } else {
        absorb_all_few<dtype, true>(few);
    }
}

/// Brings the queries of all rows into rows of whole vectors, scaled as split_scale() says, and writes down how scores are to be read then.
inline void take_queries(FewRows& few) {
    const Tile& tile = *few.tile;
    float* queries = few.scratch->query_DT;
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        float* query = queries + t * few.head_columns;
        widen_row(tile.dtype, tile.rows[t].q, tile.q_column, tile.head_dim, query);
        std::fill(query + tile.head_dim, query + few.head_columns, 0.0F);
    }
    const std::int64_t numbers = tile.row_count * few.head_columns;
    const ScaleSplit split = split_scale(tile, few.biased, largest_magnitude(queries, numbers));
    const Factor factor(split.query_factor);
    for (std::int64_t i = 0; i < numbers; ++i) queries[i] = factor(queries[i]);
    few.bias_scale = split.bias_scale;
    few.exponent_scale = split.exponent_scale;
}

/// Rows before their first key.
inline FewRows make_few_rows(const Tile& tile, const TileScratch& scratch, const RowState& state) {
    FewRows few;
    few.tile = &tile;
    few.scratch = &scratch;
    few.state = state;
    few.head_columns = padded(tile.head_dim);
    few.value_columns = padded(tile.value_dim);
    few.biased = tile.rows[0].bias != nullptr;
    few.marked = tile.rows[0].hidden != nullptr;
    take_queries(few);
    start(tile.row_count, state);
    clear_outputs(tile.row_count, few.value_columns, state);
    return few;
}

inline void accumulate_few(const Tile& tile, const TileScratch& scratch, const RowState& state) {
    const FewRows few = make_few_rows(tile, scratch, state);
    switch (tile.kv_dtype) {
        case base::Dtype::fp32:
            absorb_all_few<base::Dtype::fp32>(few);
            break;
        case base::Dtype::bf16:
            absorb_all_few<base::Dtype::bf16>(few);
            break;
        case base::Dtype::fp16:
            absorb_all_few<base::Dtype::fp16>(few);
            break;
    }
    finish_maxima(tile.row_count, few.exponent_scale, state);
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
