// SPDX-License-Identifier: Apache-2.0
// The seam between the drivers (forward.cpp, backward.cpp: threads, steps, large products) and the arithmetic of one step for one block of
// units (step.cpp, compiled once per instruction set). Rows lie as layout.h says.
//
// Legend: B batch, H hidden size.
#pragma once
#include <cstdint>

#include "kernels/isa.h"

namespace plumb::kernels::lstm {

struct ForwardStep {
    std::int64_t batch = 0;
    std::int64_t hidden = 0;
    std::int64_t unit_stride = 0;
    std::int64_t gate_stride = 0;
    const float* h = nullptr;              ///< h_{t-1}
    const float* c = nullptr;              ///< c_{t-1}
    const float* projected = nullptr;      ///< rows of gates: W_ih x of each row of input
    const std::int64_t* row_of = nullptr;  ///< B: which of them is which sequence's; null: the b-th
    const float* bias = nullptr;           ///< one row of gates: both biases
    float* gates = nullptr;                ///< activations; may be `projected` where row_of is null
    float* h_next = nullptr;
    float* c_next = nullptr;
};

struct BackwardStep {
    std::int64_t batch = 0;
    std::int64_t unit_stride = 0;
    std::int64_t gate_stride = 0;
    const float* gates = nullptr;     ///< activations of step t
    const float* c_before = nullptr;  ///< c_{t-1}
    const float* c = nullptr;         ///< c_t
    float* dc = nullptr;              ///< gradient by c_t that later steps gave; becomes that by c_{t-1}
    float* dgates = nullptr;          ///< gradients before the activations
    float* dbias = nullptr;           ///< one row of gates: their sums over sequences are added to it
};

struct StepKernel {
    /// W_hh for the units of one block: H x 64 numbers for the product forward, gates x 16 for the one backward.
    void (*pack_forward)(const float* w_hh_GH, std::int64_t hidden, std::int64_t block, float* packed);
    void (*pack_backward)(const float* w_hh_GH, std::int64_t hidden, std::int64_t block, float* packed);

    /// Product and new state of the units of one block. `sums`: memory for B x 64 numbers.
    void (*forward)(const ForwardStep& step, std::int64_t block, const float* packed, float* sums);
    /// sums[b][u] = sum over all columns j of dgates[b][j] W_hh[j][u] for the 16 units of one block.
    void (*multiply_backward)(const float* dgates, std::int64_t gate_stride, std::int64_t batch, std::int64_t gates, const float* packed,
                              float* sums);
    /// Gradients of the gates of one block. dh_B16: gradients by h_t.
    void (*differentiate)(const BackwardStep& step, std::int64_t block, const float* dh_B16);
    /// For tests of their error bounds: results in place.
    void (*sigmoid)(float* numbers, std::int64_t count);
    void (*tanh)(float* numbers, std::int64_t count);
};

const StepKernel& step_kernel(Isa isa);

}  // namespace plumb::kernels::lstm
