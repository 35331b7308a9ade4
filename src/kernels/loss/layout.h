// SPDX-License-Identifier: Apache-2.0
// How the numbers of the fused loss lie in memory while it computes.
//
// Rows are cut into panels: a panel's rows stand in the lanes of vectors, as many as the registers hold beside the sums. The vocabulary is
// cut into blocks whose weights stay in the second-level cache while all panels of a tile pass by.
//
//                  on vectors of fp32                                                     on AMX tiles (amx_kernel.h)
//   weight         of a block: [e / S][v] rows of S numbers; a square of S x S is read     twice, as left operands of both products
//                  along rows for the first product, along columns for the second
//   hidden         of a panel: [e][row]                                                   right operand
//   exponentials   of a panel: [v][row]                                                   right operand; those kept for dW: left operand
//   sums           of a panel: [e][row], sum over v of exponential x weight               the same
//
// V and E are rounded up with zeros.
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

/// Sizes that depend on the instruction set and the precision alone.
struct Geometry {
    std::int64_t row_unit;        ///< rows of the last panel are rounded up to it
    std::int64_t panel_rows;      ///< rows of a whole panel, a multiple of row_unit
    std::int64_t block;           ///< vocabulary entries of a block, a multiple of entry_unit
    std::int64_t entry_unit;      ///< V is rounded up to it
    std::int64_t feature_unit;    ///< E is rounded up to it
    std::int64_t strip_columns;   ///< columns of scaled H that stand together for dW
    std::int64_t weight_bytes;    ///< of a number of the packed weight
    std::int64_t operand_bytes;   ///< of a number of hidden, scaled hidden and kept exponentials
    std::int64_t scratch_floats;  ///< that a panel needs while it absorbs a block
};

constexpr std::int64_t float_bytes = 4;

/// The packed weight of one block of the vocabulary.
struct WeightBlock {
    const float* data;
    std::int64_t first;            ///< of the vocabulary
    std::int64_t count;            ///< entries that exist
    std::int64_t padded;           ///< the same, rounded up
    std::int64_t padded_features;  ///< E, rounded up
};

}  // namespace plumb::kernels::loss
