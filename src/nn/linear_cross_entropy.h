// SPDX-License-Identifier: Apache-2.0
// Output layer and cross-entropy through LibTorch's autograd, in several forms behind a header without torch: what tests and benchmarks of
// the fused loss compare.
//
// Legend: R rows, V vocabulary, E features.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace plumb::nn {

/// Borrowed arrays, contiguous; hidden and weight of `dtype`.
struct LossProblem {
    std::int64_t rows = 0, vocabulary = 0, features = 0;
    base::Dtype dtype = base::Dtype::fp32;
    const void* hidden_RE = nullptr;
    const void* weight_VE = nullptr;
    const std::int64_t* target_R = nullptr;
    const float* row_weight_R = nullptr;
    bool trains_weight = false;  ///< dW is wanted
    double factor = 1;           ///< of the loss, as accumulation of gradients has it
    int threads = 1;
};

/// One form bound to one problem, which must outlive it.
class LossForm {
  public:
    virtual ~LossForm() = default;
    /// Loss forward and backward: what a training step spends on its output layer. Returns the loss; throws failed with LibTorch's message.
    virtual double step() = 0;
    /// The loss alone, without history.
    virtual double evaluate() = 0;
    /// Of the last step(), contiguous, widened to fp32; `dweight_VE` empty unless the weight is trained.
    virtual void copy_gradients(std::span<float> dhidden_RE, std::span<float> dweight_VE) const = 0;
};

/// "fused" (linear_cross_entropy_function.h) and the names of plain_loss.h.
std::vector<std::string> loss_form_names();
std::unique_ptr<LossForm> make_loss_form(const std::string& name, const LossProblem& problem);

}  // namespace plumb::nn
