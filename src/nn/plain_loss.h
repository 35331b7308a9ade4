// SPDX-License-Identifier: Apache-2.0
// Output layer and cross-entropy as LibTorch users write them: what the fused loss is compared with. For .cpp files of nn alone; LibTorch's
// tensor is only named here.
//
// Legend: R rows, V vocabulary, E features.
#pragma once
#include <span>
#include <string>

namespace at {
class Tensor;
}

namespace plumb::nn {

struct PlainLoss {
    const char* name;
    /// sum over rows of row_weight x -log softmax(hidden weight^T)[target], a scalar of the row weights' type with its history.
    at::Tensor (*compute)(const at::Tensor& hidden_RE, const at::Tensor& weight_VE, const at::Tensor& targets_R,
                          const at::Tensor& row_weights_R);
};

/// log_softmax  linear, log_softmax, nll_loss: all logits stored
/// chunked      the same over chunks of rows, whose logits are computed again in the backward pass
/// eager        over chunks of rows too, each with its gradients at once, so that its logits are computed once; one backward() a result
std::span<const PlainLoss> plain_losses();
/// Throws usage with the nearest name.
const PlainLoss& plain_loss_named(const std::string& name);

}  // namespace plumb::nn
