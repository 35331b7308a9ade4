// SPDX-License-Identifier: Apache-2.0
// The four optimizers of the notebook, each one pass over memory: reads parameter, gradient and moments once, writes what changed.
//   adam      m += (1 - b1)(g - m), v += (1 - b2)(g^2 - v), p -= rate (m / c1) / (sqrt(v / c2) + epsilon), c1 = 1 - b1^t, c2 = 1 - b2^t
//   adamw     the same; before it p *= 1 - rate x decay (Loshchilov, Hutter, "Decoupled weight decay regularization", 2019)
//   sgd       p -= rate (g + decay x p)
//   momentum  m = momentum x m + g + decay x p, p -= rate x m
// To add one: its name, its line in moments_of(), its loop in update().
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace plumb::nn {

enum class Rule { adam, adamw, sgd, momentum };

struct OptimizerForm {
    Rule rule = Rule::adamw;
    double decay = 5e-4;  ///< of adamw, sgd, momentum; adam has none
    double momentum = 0.9;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
};

/// How many numbers a parameter's number needs beside it: 0, 1 or 2.
int moments_of(Rule rule);

/// One parameter, or a part of it: spans of one size, those of moments that the rule lacks empty.
struct UpdateSpans {
    std::span<float> value;
    std::span<const float> gradient;
    std::span<float> first;
    std::span<float> second;
};

/// Step `step`, from 1. Gradients count `gradient_scale` times: what clipping leaves of them. Every number is a function of the numbers at
/// its own place, in fp32.
void update(const OptimizerForm& form, const UpdateSpans& spans, double rate, double gradient_scale, std::int64_t step);

/// Sum of squares in fp64: in one order for any number of threads when parts are cut the same way.
double sum_of_squares(std::span<const float> numbers);

}  // namespace plumb::nn
