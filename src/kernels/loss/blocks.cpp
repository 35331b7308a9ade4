// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the fused loss: a panel of rows against one block of the vocabulary after another (one pass, as in flash attention:
// Dao, arXiv 2307.08691), and the gradient of the weight.
//
//   logits         l[v, row] = sum_e W[v, e] H[e, row]                        written where the exponentials go
//   references     c[row]: the largest logit of the first block; moved up, with all sums, when a later one exceeds it by too much
//   targets        l[target[row], row] is kept and becomes -inf
//   exponentials   x[v, row] = e^(l - c),  total[row] += sum_v x              in place
//   sums           u[e, row] += sum_v W[v, e] x[v, row]
#include "kernels/loss/blocks.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/loss/blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/loss/exponentials-inl.h"
#include "kernels/loss/pack-inl.h"
#include "kernels/loss/products-inl.h"
#include "kernels/loss/weight_gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::loss::HWY_NAMESPACE {

template <int Vectors>
HWY_NOINLINE void absorb_panel(const Panel& panel, const WeightBlock& block) {
    float* logits = panel.kept == nullptr ? panel.scratch : panel.kept + block.first * Vectors * lanes;
    multiply_logits<Vectors>(panel, block, logits);
    update_references<Vectors>(panel, block, logits);
    take_targets<Vectors>(panel, block, logits);
    exponentiate<Vectors>(panel, block.count, logits);
    if (panel.sums != nullptr) multiply_sums<Vectors>(panel, block, logits, block.first == 0);
}

void absorb(const Panel& panel, const WeightBlock& block) {
    switch (panel.rows / lanes) {
        case 1:
            return absorb_panel<1>(panel, block);
        case 2:
            return absorb_panel<2>(panel, block);
        default:
            return absorb_panel<3>(panel, block);
    }
}

inline constexpr LossKernel kernel = {
    .geometry = {.row_unit = lanes,
                 .panel_rows = most_vectors * lanes,
                 .block = block_entries,
                 .entry_unit = square,
                 .feature_unit = square,
                 .strip_columns = strip_columns,
                 .weight_bytes = sizeof(float),
                 .operand_bytes = sizeof(float),
                 .scratch_floats = most_vectors * lanes * block_entries},
    .pack_weight = pack_weight,
    .weight_row = weight_row,
    .pack_hidden = pack_hidden,
    .pack_strip = pack_strip,
    .absorb = absorb,
    .add_weight_gradient = add_weight_gradient,
};

}  // namespace plumb::kernels::loss::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::loss {

const LossKernel& loss_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernel);
}

}  // namespace plumb::kernels::loss
#endif
