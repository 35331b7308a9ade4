// SPDX-License-Identifier: Apache-2.0
// Packing and register tiles, once per instruction set.
#include "kernels/gemm/tile.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/tile.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include <hwy/cache_control.h>

#include "kernels/attention/transpose-inl.h"
#include "kernels/gemm/register_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::gemm::HWY_NAMESPACE {

// Sums, loaded vectors and one spread number fill the registers: 8 x 3 + 3 + 1 of 32, 6 x 2 + 2 + 1 of 16.
inline constexpr int tile_rows = HWY_TARGET == HWY_AVX3 ? 8 : 6;
inline constexpr int tile_vectors = HWY_TARGET == HWY_AVX3 ? 3 : 2;
inline constexpr std::int64_t tile_columns = tile_vectors * lanes;

/// Stored rows are steps: a panel takes `Width` neighbours of each. Some panels move on together, so that a row is read in whole cache
/// lines; not all of them, as panels may lie so that they share few sets of the nearest cache.
template <int Width>
void copy_columns(const Piece& piece, float* panels) {
    constexpr std::int64_t together = 8;
    for (std::int64_t first = 0; first < piece.count; first += together * Width) {
        const std::int64_t count = std::min(together * Width, piece.count - first);
        for (std::int64_t s = 0; s < piece.steps; ++s) {
            const float* row = piece.row(piece.first_step + s) + piece.first + first;
            float* target = panels + first * piece.steps + s * Width;
            std::int64_t c = 0;
            for (; c + Width <= count; c += Width, target += piece.steps * Width)
                std::memcpy(target, row + c, Width * sizeof(float));  // std::copy_n would call a function for so few
            if (c == count) continue;
            std::copy_n(row + c, count - c, target);
            std::fill(target + count - c, target + Width, 0.0F);
        }
    }
}

/// Stored rows are rows of the panel: a transpose. A panel narrower than a vector is written a vector at a time all the same: what goes
/// beyond a column is written over by the next one, and beyond the last panel lies room (TileKernel::room).
template <int Width>
void transpose_rows(const Piece& piece, float* panels) {
    constexpr int in_lanes = static_cast<int>((Width + lanes - 1) / lanes * lanes);
    for (std::int64_t first = 0; first < piece.count; first += Width, panels += piece.steps * Width) {
        const auto present = static_cast<int>(std::min<std::int64_t>(Width, piece.count - first));
        const float* row[in_lanes];
        for (int r = 0; r < in_lanes; ++r) row[r] = piece.row(piece.first + first + std::min(r, present - 1)) + piece.first_step;
        std::int64_t s = 0;
#if HWY_TARGET != HWY_SCALAR
        namespace shared = attention::HWY_NAMESPACE;
        for (; s + 4 <= piece.steps; s += 4) {
            for (int r = 0; r < in_lanes; r += static_cast<int>(lanes))
                shared::transpose_four_columns(row + r, s, shared::Unchanged(), panels + s * Width + r, Width);
        }
#endif
        for (; s < piece.steps; ++s) {
            for (int r = 0; r < Width; ++r) panels[s * Width + r] = row[r][s];
        }
        if (present == Width) continue;
        for (std::int64_t t = 0; t < piece.steps; ++t) std::fill(panels + t * Width + present, panels + (t + 1) * Width, 0.0F);
    }
}

template <int Width>
void pack(const Piece& piece, float* panels) {
    if (piece.sums_over_rows) {
        copy_columns<Width>(piece, panels);
    } else {
        transpose_rows<Width>(piece, panels);
    }
}

HWY_INLINE void register_tile(const float* a_panel, const float* b_panel, std::int64_t steps, float* c, std::int64_t c_stride, bool add) {
    // C comes from far away, and only after the sums: asked for now, it is there then.
#pragma GCC unroll 16
    for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 16
        for (std::int64_t j = 0; j < tile_columns; j += cache_line_floats) hwy::Prefetch(c + r * c_stride + j);
        hwy::Prefetch(c + r * c_stride + tile_columns - 1);
    }
    RegisterTile<tile_rows, tile_vectors> sums;
    sums.clear();
    sums.add_products(a_panel, 1, tile_rows, b_panel, steps);
    if (add) {
        const Floats d;
#pragma GCC unroll 16
        for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 16
            for (int v = 0; v < tile_vectors; ++v) {
                float* at = c + r * c_stride + v * lanes;
                hn::StoreU(hn::Add(hn::LoadU(d, at), sums.at[r][v]), d, at);
            }
        }
    } else {
        sums.store(c, c_stride);
    }
}

void tile(const float* a_panels, const float* b_panels, std::int64_t rows, std::int64_t columns, std::int64_t steps, float* c,
          std::int64_t c_stride, bool add) {
    float edge[tile_rows * tile_columns];
    // Of the next panel of B, which lies far away, each register tile of this one asks for its share.
    const std::int64_t tiles = (rows + tile_rows - 1) / tile_rows;
    const std::int64_t lines = (tile_columns * steps + cache_line_floats * tiles - 1) / (cache_line_floats * tiles);
    for (std::int64_t column = 0; column < columns; column += tile_columns) {
        const float* b_panel = b_panels + column * steps;
        for (std::int64_t row = 0; row < rows; row += tile_rows) {
            const float* a_panel = a_panels + row * steps;
            ask_for_lines(b_panel + tile_columns * steps + row / tile_rows * lines * cache_line_floats, lines);
            float* target = c + row * c_stride + column;
            if (row + tile_rows <= rows && column + tile_columns <= columns) {
                register_tile(a_panel, b_panel, steps, target, c_stride, add);
                continue;
            }
            register_tile(a_panel, b_panel, steps, edge, tile_columns, false);
            for (std::int64_t r = 0; r < std::min<std::int64_t>(tile_rows, rows - row); ++r) {
                for (std::int64_t j = 0; j < std::min(tile_columns, columns - column); ++j) {
                    float& number = target[r * c_stride + j];
                    number = add ? number + edge[r * tile_columns + j] : edge[r * tile_columns + j];
                }
            }
        }
    }
}

inline constexpr TileKernel kernel = {.rows = tile_rows,
                                      .columns = tile_columns,
                                      .room = lanes,
                                      .pack_rows = pack<tile_rows>,
                                      .pack_columns = pack<static_cast<int>(tile_columns)>,
                                      .tile = tile};

}  // namespace plumb::kernels::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::gemm {

const TileKernel& tile_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernel);
}

}  // namespace plumb::kernels::gemm
#endif
