// SPDX-License-Identifier: Apache-2.0
// The kernels behind plumb::attention and plumb::attention_backward for tensors on the CPU. library.cpp registers them.
#pragma once
#include <optional>
#include <string_view>
#include <tuple>

namespace at {
class Tensor;
}

namespace plumb::torch_ops {

using ThreeTensors = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// (out, lse, report): out (B,H,N,E), whose memory is B x N x H x E so that joining heads costs no copy; lse (B,H,N) fp32; report: a Row.
/// A mask whose hidden keys differ between heads costs one call of the kernel a head.
ThreeTensors attention_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask,
                           bool causal, std::optional<double> scale, std::string_view protect);
/// (dq, dk, dv), in the layouts of q, k and v where those are dense.
ThreeTensors attention_backward_cpu(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    const at::Tensor& out, const at::Tensor& lse, const std::optional<at::Tensor>& mask, bool causal,
                                    std::optional<double> scale);

/// Tensors like the results of the two, without computing them: of data, or of none, as q is.
ThreeTensors attention_results(const at::Tensor& q, const at::Tensor& v);
ThreeTensors gradient_results(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace plumb::torch_ops
