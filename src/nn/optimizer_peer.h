// SPDX-License-Identifier: Apache-2.0
// LibTorch's fused optimizers on borrowed numbers, behind a header without torch: what tests and benchmarks of kernels/optimizer compare.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/optimizer/optimizer.h"

namespace plumb::nn {

class OptimizerPeer {
  public:
    virtual ~OptimizerPeer() = default;
    /// Changes values and moments where they lie, as kernels::optimizer::update() with gradient_scale 1 does.
    virtual void update(double rate, std::int64_t step) = 0;
};

/// at::_fused_adam_, at::_fused_adamw_ or at::_fused_sgd_. The parameters' numbers are borrowed and must outlive it.
std::unique_ptr<OptimizerPeer> make_optimizer_peer(const kernels::optimizer::Form& form,
                                                   std::span<const kernels::optimizer::Parameter> parameters, int threads);

}  // namespace plumb::nn
