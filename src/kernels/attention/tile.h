// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of the fused kernel (fused.cpp: heads, packing, threads) and its arithmetic (tile.cpp, compiled once per
// instruction set): some rows, a query of a head each, against keys of the key head that they share.
//
// Legend: T rows of a sub-tile padded to whole vectors, J keys of a block, D head_dim, E value_dim, P E rounded up to whole vectors.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/isa.h"

namespace plumb::kernels::attention {

/// One query of one head. Borrowed pointers.
struct TileRow {
    const void* q = nullptr;
    void* out = nullptr;
    float* lse = nullptr;                  ///< null: not wanted
    const float* bias = nullptr;           ///< null: none
    const std::uint8_t* hidden = nullptr;  ///< boolean mask; null: none
    KeyRange sees;                         ///< keys that their place lets it see
};

/// Rows and the keys and values that they share. "Key j" is the j-th key that the driver left, in order.
struct Tile {
    const TileRow* rows = nullptr;
    std::int64_t row_count = 0;  ///< 1 to tile_rows
    KeyRange keys;               ///< the part of the keys that this call goes through
    std::int64_t head_dim = 0;
    std::int64_t value_dim = 0;

    base::Dtype dtype = base::Dtype::fp32;  ///< of q and out
    std::int64_t q_column = 1;
    std::int64_t out_column = 1;

    /// fp32 for accumulate(), any type for accumulate_few(). Columns are neighbours.
    base::Dtype kv_dtype = base::Dtype::fp32;
    const void* k_MD = nullptr;
    std::int64_t k_row = 0;
    const void* v = nullptr;
    std::int64_t v_row = 0;  ///< 0: packed by pack_values(), `packed_keys` rows
    std::int64_t packed_keys = 0;
    bool values_finite = true;  ///< false where v may hold NaN or inf: 0 x NaN of a hidden key must not spread then

    double scale = 1;
    std::int64_t bias_column = 0;
    const std::int64_t* key_index = nullptr;  ///< column of the bias that key j has; null: j

    bool is_hidden(std::int64_t row, std::int64_t key) const {
        return !rows[row].sees.contains(key) || (rows[row].hidden != nullptr && rows[row].hidden[key] != 0);
    }
};

/// What rows know of the keys they have been through: probabilities are relative to the row's maximum, which counts powers of two.
struct RowState {
    float* output_TP = nullptr;  ///< sum of probability x value; rows of P numbers
    float* maximum_T = nullptr;  ///< largest visible score x log2(e); below every score before the first key
    float* sum_T = nullptr;      ///< sum of probabilities
};

/// Keys or values that accumulate_few() widens at a time.
inline constexpr std::int64_t wide_keys = 8;

/// Working memory of one thread; every pointer aligned to 64 bytes. Sizes in workspace.h.
struct TileScratch {
    float* wide_TD = nullptr;           ///< q of a sub-tile widened to fp32
    float* query_DT = nullptr;          ///< q transposed, sub-tile after sub-tile: rows in lanes
    float* score_JT = nullptr;          ///< scores of one sub-tile and block, then their probabilities
    float* bias_JT = nullptr;           ///< its bias
    std::uint8_t* hidden_JT = nullptr;  ///< its mask
    float* block_maximum_T = nullptr;   ///< largest visible score of the block
    float* correction_T = nullptr;      ///< power of two by which what was summed before shrinks
    float* begin_T = nullptr;           ///< first visible key of each row, counted from the block's first
    float* end_T = nullptr;             ///< the one after the last
    float* wide_JC = nullptr;           ///< accumulate_few: `wide_keys` keys or values widened
    float* block_TP = nullptr;          ///< accumulate_few: sums of one block
};

/// The arithmetic on one instruction set. Another construction is another object of this type.
struct TileKernel {
    std::int64_t lanes;      ///< fp32 numbers of a vector
    std::int64_t sub_rows;   ///< rows of a sub-tile: what shares one block of scores
    std::int64_t tile_rows;  ///< most rows of a tile, a multiple of sub_rows: what shares one block of keys while it is in the cache
    std::int64_t block_keys;
    /// Most rows that accumulate_few() is the faster one for.
    std::int64_t few_rows;

    /// Goes through tile.keys from a fresh state. Keys and values are fp32, prepared by prepare.h.
    void (*accumulate)(const Tile& tile, const TileScratch& scratch, const RowState& state);
    /// The same for few rows, at the speed at which keys and values can be read: in place, of any type, values in rows.
    void (*accumulate_few)(const Tile& tile, const TileScratch& scratch, const RowState& state);
    /// Adds to `state` what `more` knows of further keys.
    void (*merge)(const Tile& tile, const RowState& more, const RowState& state);
    /// Normalises, writes outputs and log-sum-exps.
    void (*finish)(const Tile& tile, const RowState& state);

    /// Brings `rows` rows (all, or those of `index`) of `columns` numbers into rows of fp32.
    void (*pack_keys)(base::Dtype dtype, const void* source, const Strides& strides, const std::int64_t* index, std::int64_t rows,
                      std::int64_t columns, float* packed);
    /// Into column strips as wide as the register block of outputs, one after the other, each dense; the last vector padded with zeros.
    /// rows x P numbers.
    void (*pack_values)(base::Dtype dtype, const void* source, const Strides& strides, const std::int64_t* index, std::int64_t rows,
                        std::int64_t columns, float* packed);
    /// No NaN and no inf among rows x columns numbers.
    bool (*all_finite)(const float* numbers, std::int64_t rows, std::int64_t row_stride, std::int64_t columns);
    /// Exact conversion to fp32 of `count` neighbours, and back with rounding (base/dtype.h).
    void (*widen)(base::Dtype dtype, const void* numbers, std::int64_t count, float* wide);
    void (*narrow)(base::Dtype dtype, const float* wide, std::int64_t count, void* numbers);
};

const TileKernel& tile_kernel(Isa isa);

}  // namespace plumb::kernels::attention
