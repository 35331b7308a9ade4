// SPDX-License-Identifier: Apache-2.0
// The backward pass of one implementation bound to one problem: plumb's kernel and LibTorch's autograd behind the same two calls.
#pragma once
#include <memory>
#include <string>

#include "kernels/attention/backward.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

class GradientExecutor {
  public:
    virtual ~GradientExecutor() = default;
    /// Gradients of q, k and v from saved results of the forward pass, as often as wanted.
    virtual void backward() = 0;
    /// The last ones, widened to fp32.
    virtual void copy_gradients(const kernels::attention::Gradients<float>& gradients) const = 0;
};

/// Empty when `name` offers a backward pass of this kind, else the reason: what can be said before there are numbers.
std::string why_no_backward(const std::string& name, kernels::attention::Precision precision, base::Dtype dtype);
/// Empty when it offers that of this problem.
std::string why_no_backward(const std::string& name, const kernels::attention::Problem& problem);
/// `backward` says all but where results go: they lie in `layout`. LibTorch runs a forward pass of its own here and keeps what autograd
/// saves. Throws Error{unsupported} with the reason. `isa` as in make_executor().
std::unique_ptr<GradientExecutor> make_gradient_executor(const std::string& name, const std::string& isa,
                                                         const kernels::attention::Backward& backward, kernels::attention::Layout layout);

}  // namespace plumb::families::attention
