// SPDX-License-Identifier: Apache-2.0
// The seam between what drives the fused loss and its arithmetic, which is compiled once per instruction set (blocks.cpp).
// To add arithmetic (an instruction set, a precision): another LossKernel, chosen in loss_kernel().
//
// Legend: V vocabulary, E features.
#pragma once
#include <cstdint>

#include "kernels/isa.h"
#include "kernels/loss/layout.h"

namespace plumb::kernels::loss {

/// Rows that are computed together, and what is known of them so far. Exponentials are taken relative to a reference that follows the
/// largest logit closely enough for fp32 (blocks.cpp). The target's own term is in none of the sums, so that p - 1 is not the
/// difference of two numbers that are nearly equal.
struct Panel {
    std::int64_t vectors = 0;              ///< of rows; the last ones may be padding
    const float* hidden = nullptr;         ///< [E][row], E rounded up
    float* sums = nullptr;                 ///< [E][row], E rounded up; null when no gradient is wanted
    float* exponentials = nullptr;         ///< [block][row], or [V][row] when they are kept
    bool keeps_exponentials = false;       ///< for the gradient of the weight
    float* reference = nullptr;            ///< a row: what was subtracted from its logits
    double* total = nullptr;               ///< a row: sum over v of its exponentials
    float* target_logit = nullptr;         ///< a row
    const std::int64_t* target = nullptr;  ///< a row; -1 for padding
};

/// The third product over one block of the vocabulary, for the rows of some panels:
/// dW[v, e] += sum over rows of exponential[v, row] x H[row, e] scaled by the row.
struct WeightGradient {
    std::int64_t rows = 0;                ///< all panels are whole but the last
    const float* exponentials = nullptr;  ///< panels one after the other
    std::int64_t panel_stride = 0;        ///< numbers from one panel to the next
    const float* hidden = nullptr;        ///< scaled, [e / columns][row][columns], with zeros for the rows that pad the last panel
    std::int64_t padded_rows = 0;         ///< rows of each of those strips
    std::int64_t features = 0;
    float* gradient = nullptr;  ///< V x E contiguous
};

struct LossKernel {
    Geometry geometry;
    std::int64_t strip_columns;  ///< of WeightGradient::hidden
    /// Goes through one block: logits, exponentials, sums. The first block of a panel also sets what the panel keeps.
    void (*absorb)(const Panel& panel, const WeightBlock& block);
    void (*add_weight_gradient)(const WeightGradient& work, std::int64_t first, std::int64_t count);
};
const LossKernel& loss_kernel(Isa isa);

}  // namespace plumb::kernels::loss
