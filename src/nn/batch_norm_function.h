// SPDX-License-Identifier: Apache-2.0
// Batch norm of a batch being learnt from, with what follows it in a residual network: ReLU(norm(x) + added), differentiable by LibTorch's
// autograd. One pass over x for mean and variance and one for the output, two backward; LibTorch's own functions, one after the other, take
// twice as many. For .cpp files of nn alone, which include LibTorch themselves; here its tensor is only named.
#pragma once

namespace at {
class Tensor;
}

namespace plumb::nn {

struct NormTensors {
    const at::Tensor& scale;
    const at::Tensor& shift;
    const at::Tensor& mean;      ///< running; moves by `momentum` towards the batch's
    const at::Tensor& variance;  ///< the same, towards the unbiased one
};

/// All fp32 on the CPU, x and `added` N x C x height x width, best channels-last as the result is; `added` undefined: nothing. With `relu`
/// negative numbers become 0 and have no gradient; what is no number stays that. Sums are of parts of rows in one order for any number of
/// threads: in fp32 about the first row's value over 32 rows, in fp64 over these. Throws Error{unsupported} for second derivatives.
at::Tensor batch_norm_learning(const at::Tensor& x, const NormTensors& norm, const at::Tensor& added, bool relu, double momentum,
                               double epsilon);

}  // namespace plumb::nn
