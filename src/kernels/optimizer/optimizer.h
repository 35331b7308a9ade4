// SPDX-License-Identifier: Apache-2.0
// Optimizers over flat parameters, one pass over memory: parameter, gradient and moments are read once, what changed is written. A number's
// new value is a function of the numbers at its place, so bits depend on neither threads nor how parameters are cut.
//
//   g = gradient_scale x gradient                                    (clipping folded in)
//   adam      g += decay p; m += (1 - beta1)(g - m), v += (1 - beta2)(g^2 - v), p -= rate (m / c1) / (sqrt(v / c2) + epsilon),
//             c1 = 1 - beta1^t, c2 = 1 - beta2^t                      (Kingma and Ba, arXiv 1412.6980)
//   adamw     the same with p *= 1 - rate decay in place of g += decay p  (Loshchilov and Hutter, arXiv 1711.05101)
//   sgd       p -= rate (g + decay p)
//   momentum  m = momentum m + g + decay p, p -= rate m
//
// As torch.optim computes them; at step 1 of momentum, m must be zeros, which gives what PyTorch's first step does. fp32, with fused
// multiply-adds; factors are computed in fp64 and rounded once. To add one: its name, moments_of(), its struct in optimizer.cpp.
#pragma once
#include <cstdint>
#include <span>

namespace plumb::kernels::optimizer {

enum class Rule { adam, adamw, sgd, momentum };

struct Form {
    Rule rule = Rule::adamw;
    double decay = 0;
    double momentum = 0.9;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
};

/// Numbers that are kept beside each number of a parameter: 0, 1 or 2.
int moments_of(Rule rule);

/// One parameter. Borrowed.
struct Parameter {
    float* values = nullptr;
    const float* gradients = nullptr;
    float* first = nullptr;   ///< m; not read where the rule has none
    float* second = nullptr;  ///< v
    std::int64_t count = 0;
};

/// Step `step`, counted from 1. Throws Error{usage} for a null pointer, a step or threads below 1.
void update(const Form& form, std::span<const Parameter> parameters, double rate, double gradient_scale, std::int64_t step, int threads);

/// In fp64, where squares are exact; one order, on the caller's thread.
double sum_of_squares(std::span<const float> numbers);
/// Of all gradients together, in fp64: the same bits for any number of threads.
double gradient_norm(std::span<const Parameter> parameters, int threads);
/// What a gradient of this norm must be multiplied by to have at most `most`, as torch.nn.utils.clip_grad_norm_ does; 1 for most = 0: no
/// clipping. NaN for a norm of NaN, so that it does not pass unseen.
double clipping_scale(double norm, double most);

}  // namespace plumb::kernels::optimizer
