// SPDX-License-Identifier: Apache-2.0
// Forward and backward pass of attention through LibTorch's autograd, behind a header without torch: what tests and benchmarks of gradients
// compare.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"

namespace plumb::nn {

/// One implementation bound to one problem and the gradient of its output; both are borrowed and must outlive it.
class AttentionGradients {
  public:
    virtual ~AttentionGradients() = default;
    /// Computes the output with its history, on the problem's number of threads. Throws failed with LibTorch's message.
    virtual void forward() = 0;
    /// The gradients of sum(out x dout) by q, k and v, any number of times after a forward(): what it saved is kept.
    virtual void backward() = 0;
    /// Of the last forward(), B x N x H x E contiguous, widened to fp32.
    virtual void copy_output(std::span<float> out_BNHE) const = 0;
    /// Of the last backward(), contiguous, widened to fp32: dq B x N x H x D, dk B x M x G x D, dv B x M x G x E.
    virtual void copy_gradients(std::span<float> dq_BNHD, std::span<float> dk_BMGD, std::span<float> dv_BMGE) const = 0;
};

/// "fused" (plumb's kernels, attention_function.h), "sdpa" (scaled_dot_product_attention), "broadcast" (matmul and softmax). All in the
/// problem's type.
std::vector<std::string> attention_gradient_names();
/// Empty text when `name` can do the problem, else the reason.
std::string why_no_gradients(const std::string& name, const kernels::attention::Problem& problem);
/// `dout`: B x H x N x E of problem.dtype by `dout_strides`. Throws unsupported with why_no_gradients().
std::unique_ptr<AttentionGradients> make_attention_gradients(const std::string& name, const kernels::attention::Problem& problem,
                                                             const void* dout, const kernels::attention::Strides& dout_strides);

}  // namespace plumb::nn
