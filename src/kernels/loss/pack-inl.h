// SPDX-License-Identifier: Apache-2.0
// The operands of the fused loss on vectors of fp32; what LossKernel's members of the same names do. Included once per instruction set.
#if defined(PLUMB_LOSS_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_LOSS_PACK_INL_H_
#undef PLUMB_LOSS_PACK_INL_H_
#else
#define PLUMB_LOSS_PACK_INL_H_
#endif

#include "kernels/loss/products-inl.h"
#include "kernels/loss/weight_gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::loss::HWY_NAMESPACE {

void pack_weight(const float* wide_VE, const WeightBlock& block, float* packed) {
    for (std::int64_t e = 0; e < block.padded_features; e += square) {
        for (std::int64_t v = 0; v < block.padded; ++v, packed += square) {
            const float* source = wide_VE + v * block.padded_features + e;
            for (int i = 0; i < square; ++i) packed[i] = source[i];
        }
    }
}

void weight_row(const WeightBlock& block, std::int64_t entry, std::int64_t features, float* row) {
    const float* first = block.data + entry * square;
    for (std::int64_t e = 0; e < features; ++e) row[e] = first[e / square * block.padded * square + e % square];
}

void pack_hidden(const float* wide_RE, std::int64_t rows, std::int64_t padded_features, float* packed) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t e = 0; e < padded_features; ++e) packed[e * rows + row] = wide_RE[row * padded_features + e];
    }
}

void pack_strip(const float* wide_RC, std::int64_t rows, float* packed) {
    std::copy_n(wide_RC, rows * strip_columns, packed);
}

}  // namespace plumb::kernels::loss::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
