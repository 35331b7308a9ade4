// SPDX-License-Identifier: Apache-2.0
// The seam between the driver of the product (gemm.cpp: blocks, threads) and its arithmetic (tile.cpp, compiled once per instruction set).
#pragma once
#include <cstdint>

#include "kernels/isa.h"

namespace plumb::kernels::gemm {

/// Part of an operand: `count` numbers from `first` on in the direction that C keeps, `steps` from `first_step` on in that of the sum.
struct Piece {
    const float* data = nullptr;
    std::int64_t stride = 0;
    const std::int64_t* rows = nullptr;
    bool sums_over_rows = false;  ///< a stored row is one step of the sum; else it is one row or column of C
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::int64_t first_step = 0;
    std::int64_t steps = 0;

    const float* row(std::int64_t r) const { return data + (rows == nullptr ? r : rows[r]) * stride; }
};

struct TileKernel {
    std::int64_t rows;     ///< of a register tile
    std::int64_t columns;  ///< of a register tile
    std::int64_t room;     ///< numbers beyond the last panel that packing may write to
    /// Into panels one after the other, each `steps` x `rows` or `columns` numbers; the last one padded with zeros.
    void (*pack_rows)(const Piece& piece, float* panels);
    void (*pack_columns)(const Piece& piece, float* panels);
    /// `rows` x `columns` numbers of C from panels of `steps` steps. `add`: to what C holds.
    void (*tile)(const float* a_panels, const float* b_panels, std::int64_t rows, std::int64_t columns, std::int64_t steps, float* c,
                 std::int64_t c_stride, bool add);
};

const TileKernel& tile_kernel(Isa isa);

}  // namespace plumb::kernels::gemm
