// SPDX-License-Identifier: Apache-2.0
// What plumb::attention takes, checked and in the terms of the kernels. Every argument means what it means in PyTorch's
// scaled_dot_product_attention: True in a mask lets a query attend to a key, and causality counts from the first query and the first key.
//
// Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim.
// Headers here only name LibTorch's tensor, as in nn.
#pragma once
#include <optional>
#include <tuple>

namespace at {
class Tensor;
}

namespace plumb::torch_ops {

/// Throws what Python gets as ValueError or TypeError, naming shapes in PyTorch's order, where q (B,H,N,D), k (B,G,M,D), v (B,G,M,E) and
/// the mask do not fit together. Reads sizes and types only, so that tensors without data pass through it too.
void require_fit(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask);

/// Of a mask that fits: (hidden, bias) over four axes, each of full size or 1; either may be undefined. hidden: bool, true = hidden, from
/// False of a bool mask and -inf of a mask of numbers. bias: fp32, what else is added to the scores; 0 where hidden.
std::tuple<at::Tensor, at::Tensor> split_mask(const std::optional<at::Tensor>& mask);

/// What the kernels take for `scale`: 0 stands for 1 / sqrt(D) there, and so is refused here. Throws ValueError.
float scale_of(std::optional<double> scale);

}  // namespace plumb::torch_ops
