// SPDX-License-Identifier: Apache-2.0
// Logits, softmax and loss of a language model without keeping the logits. The only place that says how they are computed. For .cpp files
// of nn alone; LibTorch's tensor is only named here.
//
// Legend: R rows (places), C width, V vocabulary. Logits are h w^T. All fp32, targets int64.
#pragma once

namespace at {
class Tensor;
}

namespace plumb::nn {

/// sum over r of weights[r] x -ln softmax(logits of r)[targets[r]]; differentiable by h, and by w where it is trained.
at::Tensor output_loss(const at::Tensor& h_RC, const at::Tensor& w_VC, const at::Tensor& targets_R, const at::Tensor& weights_R);
/// ln softmax(logits of r)[targets[r]], without history.
at::Tensor output_log_probabilities(const at::Tensor& h_RC, const at::Tensor& w_VC, const at::Tensor& targets_R);

}  // namespace plumb::nn
