// SPDX-License-Identifier: Apache-2.0
// How the numbers of the fused loss lie in memory while it computes.
//
// Rows are cut into panels: a panel's rows stand in the lanes of vectors, as many as the registers hold beside the sums. The vocabulary is
// cut into blocks whose weights stay in the second-level cache while all panels of a tile pass by.
//
//   weight         of block b: squares [e / S][v / S] of S x S numbers; read in both directions, once a product, always as whole squares
//   hidden         of a panel: [e][row]
//   exponentials   of a panel: [v][row]
//   sums           of a panel: [e][row], sum over v of exponential x weight
//
// V and E are rounded up to whole squares with zeros.
// Legend: V vocabulary, E features, S square.
#pragma once
#include <cstdint>
#include <memory>
#include <new>

namespace plumb::kernels::loss {

constexpr std::int64_t divide_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit;
}
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
    return divide_up(count, unit) * unit;
}

struct AlignedRelease {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};
/// Floats at the start of a cache line, not initialised.
using Buffer = std::unique_ptr<float[], AlignedRelease>;
inline Buffer make_buffer(std::int64_t floats) {
    return Buffer(static_cast<float*>(::operator new[](static_cast<std::size_t>(floats) * sizeof(float), std::align_val_t{64})));
}

/// Sizes that depend on the instruction set alone.
struct Geometry {
    std::int64_t lanes;          ///< numbers in a vector
    std::int64_t square;         ///< S
    std::int64_t panel_vectors;  ///< vectors of rows in a whole panel
    std::int64_t block;          ///< vocabulary entries of a block, a multiple of S

    std::int64_t panel_rows() const { return lanes * panel_vectors; }
};

/// The packed weight of one block of the vocabulary.
struct WeightBlock {
    const float* data;
    std::int64_t first;    ///< of the vocabulary
    std::int64_t count;    ///< entries that exist
    std::int64_t squares;  ///< rows of squares: E / S, rounded up

    std::int64_t padded(const Geometry& geometry) const { return round_up(count, geometry.square); }
};

}  // namespace plumb::kernels::loss
