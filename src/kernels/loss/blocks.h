// SPDX-License-Identifier: Apache-2.0
// The seam between what drives the fused loss and its arithmetic: blocks.cpp, compiled once per instruction set, and amx.cpp.
// To add arithmetic (an instruction set, a precision): another LossKernel, chosen in loss_kernel(). Operands are its own business: what is
// declared float* here may hold anything that the kernel packed.
//
// Legend: V vocabulary, E features.
#pragma once
#include <cstdint>

#include "kernels/isa.h"
#include "kernels/loss/layout.h"

namespace plumb::kernels::loss {

/// Rows that are computed together, and what is known of them so far. Exponentials are taken relative to a reference that follows the
/// largest logit closely enough for fp32. The target's own term is in none of the sums, so that p - 1 is not the difference of two numbers
/// that are nearly equal.
struct Panel {
    std::int64_t rows = 0;                 ///< a multiple of the row unit; the last ones may be padding
    const float* hidden = nullptr;         ///< by pack_hidden
    float* sums = nullptr;                 ///< [E][row], E rounded up; null when no gradient is wanted
    float* scratch = nullptr;              ///< Geometry::scratch_floats
    float* kept = nullptr;                 ///< all exponentials, for the gradient of the weight; null otherwise
    float* reference = nullptr;            ///< a row: what was subtracted from its logits
    double* total = nullptr;               ///< a row: sum over v of its exponentials
    float* target_logit = nullptr;         ///< a row
    const std::int64_t* target = nullptr;  ///< a row; -1 for padding
};

/// The third product over some of the vocabulary, for the rows of some panels:
/// dW[v, e] += sum over rows of exponential[v, row] x H[row, e] scaled by the row.
struct WeightGradient {
    std::int64_t rows = 0;                ///< all panels are whole but the last
    std::int64_t padded_rows = 0;         ///< rounded up to the row unit
    const float* exponentials = nullptr;  ///< kept by panels, one after the other
    std::int64_t panel_stride = 0;        ///< floats from one panel to the next
    const float* hidden = nullptr;        ///< strips by pack_strip, one after the other
    std::int64_t features = 0;
    float* gradient = nullptr;  ///< V x E contiguous
};

struct LossKernel {
    Geometry geometry;
    /// A block from its rows of E numbers, rounded up with zeros in both directions.
    void (*pack_weight)(const float* wide_VE, const WeightBlock& block, float* packed);
    /// E numbers of an entry, as the products see them. `entry` counts within the block.
    void (*weight_row)(const WeightBlock& block, std::int64_t entry, std::int64_t features, float* row);
    /// `rows` rows of E numbers, both rounded up with zeros.
    void (*pack_hidden)(const float* wide_RE, std::int64_t rows, std::int64_t padded_features, float* packed);
    /// A strip of scaled H: `rows` rows of strip_columns numbers, rounded up with zeros.
    void (*pack_strip)(const float* wide_RC, std::int64_t rows, float* packed);
    /// Goes through one block: logits, exponentials, sums. The first block of a panel also sets what the panel keeps.
    void (*absorb)(const Panel& panel, const WeightBlock& block);
    /// `first` is a multiple of the entry unit.
    void (*add_weight_gradient)(const WeightGradient& work, std::int64_t first, std::int64_t count);
};
const LossKernel& loss_kernel(Isa isa);

}  // namespace plumb::kernels::loss
