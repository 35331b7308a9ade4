// SPDX-License-Identifier: Apache-2.0
// How tiles are cut out of a problem: which query of which head each of their rows is, what it sees, where its output goes.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {

/// Where fused() writes.
struct Outputs {
    void* out = nullptr;
    Strides strides;
    float* lse_BHN = nullptr;
};

/// Makes the rows of one key head one after the other: queries of all heads that share it, head after head.
class RowMaker {
  public:
    RowMaker(const Problem& problem, const KeyLists& keys, std::int64_t key_head, std::int64_t first_row, const Outputs& outputs)
        : problem_(problem), keys_(keys), outputs_(outputs), positional_(is_positional(problem.mask)) {
        const Shape& s = problem.shape;
        b_ = key_head / s.kv_heads();
        h_ = key_head % s.kv_heads() * s.group() + first_row / s.queries;
        n_ = first_row % s.queries;
    }

    TileRow next() {
        const Shape& s = problem_.shape;
        TileRow row;
        row.q = base::advance(problem_.dtype, problem_.q, place(problem_.q_strides));
        row.out = base::advance(problem_.dtype, outputs_.out, place(outputs_.strides));
        if (outputs_.lse_BHN != nullptr) row.lse = outputs_.lse_BHN + (b_ * s.heads + h_) * s.queries + n_;
        if (problem_.bias.data != nullptr) row.bias = problem_.bias.data + place(problem_.bias.strides);
        if (problem_.mask.kind == MaskKind::boolean) row.hidden = problem_.mask.hidden + (b_ * s.queries + n_) * s.keys;
        row.sees = positional_ ? keys_.listed(b_, range_of(problem_, n_)) : KeyRange{0, std::ssize(keys_.of(b_))};
        if (++n_ == s.queries) {
            n_ = 0;
            ++h_;
        }
        return row;
    }

  private:
    std::int64_t place(const Strides& strides) const { return b_ * strides.batch + h_ * strides.head + n_ * strides.row; }

    const Problem& problem_;
    const KeyLists& keys_;
    const Outputs& outputs_;
    bool positional_;
    std::int64_t b_ = 0;
    std::int64_t h_ = 0;
    std::int64_t n_ = 0;
};

/// One tile and one split of its keys. `rows`: room for `plan.tile_rows`.
inline Tile make_tile(const Problem& problem, const Plan& plan, const KeyLists& keys, const PreparedHead& prepared, std::int64_t key_head,
                      std::int64_t tile_index, std::int64_t split, const Outputs& outputs, std::vector<TileRow>& rows) {
    const Shape& s = problem.shape;
    const std::int64_t first_row = tile_index * plan.tile_rows;
    Tile tile;
    tile.row_count = std::min(plan.tile_rows, plan.rows - first_row);
    KeyRange some{prepared.keys, 0};
    RowMaker maker(problem, keys, key_head, first_row, outputs);
    for (std::int64_t t = 0; t < tile.row_count; ++t) {
        rows[t] = maker.next();
        some = {std::min(some.begin, rows[t].sees.begin), std::max(some.end, rows[t].sees.end)};
    }
    tile.rows = rows.data();
    tile.keys = {std::max(some.begin, split * plan.split_keys), std::min({some.end, (split + 1) * plan.split_keys, prepared.keys})};
    tile.head_dim = s.head_dim;
    tile.value_dim = s.value_dim;
    tile.dtype = problem.dtype;
    tile.q_column = problem.q_strides.column;
    tile.out_column = outputs.strides.column;
    tile.kv_dtype = prepared.dtype;
    tile.k_MD = prepared.k_MD;
    tile.k_row = prepared.k_row;
    tile.v = prepared.v;
    tile.v_row = prepared.v_row;
    tile.packed_keys = prepared.keys;
    tile.values_finite = prepared.values_finite;
    tile.scale = effective_scale(problem);
    tile.bias_column = problem.bias.strides.column;
    tile.key_index = keys.index(key_head / s.kv_heads());
    return tile;
}

}  // namespace plumb::kernels::attention
