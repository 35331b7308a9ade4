// SPDX-License-Identifier: Apache-2.0
// What tiles of the fused backward pass read: rows widened to fp32 and packed, padded keys left out, and which pairs are hidden. Queries
// and dO are packed once for the key heads at work, since every block of keys reads them all; keys and values block by block.
//
// Legend: N queries, J keys of a block, D head_dim, E value_dim.
#pragma once
#include <cstdint>

#include "kernels/attention/backward.h"
#include "kernels/attention/backward_plan.h"
#include "kernels/attention/backward_tile.h"
#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {

/// First element of a row.
constexpr std::int64_t row_offset(const Strides& strides, std::int64_t b, std::int64_t h, std::int64_t row) {
    return b * strides.batch + h * strides.head + row * strides.row;
}

/// Queries [query, query + queries) of one head and keys [key, key + keys) of the record's list.
struct Area {
    std::int64_t query = 0;
    std::int64_t queries = 0;
    std::int64_t key = 0;
    std::int64_t keys = 0;
};

/// A query head and where it stands among those at work.
struct Place {
    std::int64_t b = 0;
    std::int64_t h = 0;
    std::int64_t slot = 0;
};

/// Borrows all it is given. Methods allocate nothing and may run on many threads, each with its own scratch.
class BackwardOperands {
  public:
    BackwardOperands(const Backward& backward, const BackwardPlan& plan, std::int64_t key_unit, const TileKernel& rows);

    /// The keys that are read, by record.
    const KeyLists& keys() const { return keys_; }
    /// Packs q and dO of one query, and computes delta and the log-sum-exp in units of the scores. Needs M > 0. `place` first.
    void prepare_query(const Place& place, std::int64_t n, const BackwardScratch& scratch);
    /// Keys and values of key head g, untransposed.
    void pack_keys(std::int64_t b, std::int64_t g, std::int64_t first, std::int64_t keys, const BackwardScratch& scratch) const;
    /// Queries that are prepared, without dq.
    QueryTile tile(const Place& place, const Area& area) const;
    /// Null where there is no bias.
    const float* pack_bias(std::int64_t b, std::int64_t h, const Area& area, const BackwardScratch& scratch) const;
    /// Shrinks `area` to queries and keys that see each other and says which pairs in it do not; false when none do. `only_visible` is left
    /// to needs_care().
    bool find_visible(std::int64_t b, Area& area, HiddenPairs& hidden, const BackwardScratch& scratch) const;
    /// NaN or inf among the packed rows of q, dO and k.
    bool needs_care(const QueryTile& tile, std::int64_t keys, const BackwardScratch& scratch) const;

  private:
    void pack_row(const void* source, std::int64_t first, std::int64_t column_stride, std::int64_t columns, std::int64_t row_floats,
                  float* target) const;

    const Backward& backward_;
    const Problem& problem_;
    const Shape& shape_;
    const BackwardPlan& plan_;
    const TileKernel& rows_;
    std::int64_t key_unit_;
    KeyLists keys_;
    // Of the query heads at work, in order of Place::slot.
    Buffer q_ND_;
    Buffer dout_NE_;
    Buffer lse_N_;
    Buffer delta_N_;
};

}  // namespace plumb::kernels::attention
