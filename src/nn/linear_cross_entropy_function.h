// SPDX-License-Identifier: Apache-2.0
// plumb's fused output layer and cross-entropy as a function of LibTorch's autograd: what language models of nn call in place of linear()
// and cross_entropy(). For .cpp files of nn alone, which include LibTorch themselves; here its tensor is only named.
//
// Legend: R rows (positions of all sequences), V vocabulary, E features.
#pragma once
#include <memory>

#include "kernels/loss/packed_weight.h"

namespace at {
class Tensor;
}

namespace plumb::nn {

/// The packed copy of one weight, kept between calls, and the precision to compute with it (kernels/loss/amx.h; highest everywhere). A
/// weight that requires a gradient is packed in every call, since optimizers change it; a frozen one when its numbers lie elsewhere or
/// LibTorch has counted a change of them. Whoever changes a frozen weight behind LibTorch's back (raw pointer, .data()) calls forget().
class PackedWeightCache {
  public:
    explicit PackedWeightCache(kernels::loss::Precision precision = kernels::loss::Precision::highest);
    ~PackedWeightCache();
    PackedWeightCache(PackedWeightCache&&) noexcept;
    PackedWeightCache& operator=(PackedWeightCache&&) noexcept;

    const kernels::loss::PackedWeight& get(const at::Tensor& weight_VE);
    void forget();

  private:
    struct Kept;
    std::unique_ptr<Kept> kept_;
};

/// sum over rows of row_weight x -log softmax(hidden weight^T)[target]: a scalar in fp64, differentiable in `hidden` and, when it requires
/// a gradient, in `weight`. hidden (R,E) and weight (V,E) fp32 or bf16 on the CPU; targets (R) int64; row_weights (R) fp32, or undefined
/// for all 1. For the mean over the positions that count give 1/count, and 0 for padding: such a row is not computed, whatever stands in
/// it. The R x V logits are never stored; gradients are computed here already, unless nothing asks for them. Threads: as many as LibTorch
/// uses; the bits do not depend on it. Throws Error{usage} naming what does not fit (a target outside [0, V) by its row), and
/// Error{unsupported} for second derivatives and a second backward() of one result: gradients are handed over, not copied.
at::Tensor linear_cross_entropy(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                                const at::Tensor& row_weights_R, PackedWeightCache& cache);

/// -log softmax(hidden weight^T)[target] of each row, (R) fp64, 0 where the row's weight is 0; no gradient. For evaluation: perplexity is
/// exp of a mean of these.
at::Tensor linear_nll(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                      const at::Tensor& row_weights_R, PackedWeightCache& cache);

}  // namespace plumb::nn
