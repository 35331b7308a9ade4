// SPDX-License-Identifier: Apache-2.0
// e_single of gradient_accuracy.h: what rounding every intermediate of the backward pass once does to its results.
#pragma once
#include "kernels/attention/backward.h"

namespace plumb::kernels::attention {

struct GradientRounding {
    double dq = 0;
    double dk = 0;
    double dv = 0;
};

GradientRounding round_gradients_once(const Backward& backward);

}  // namespace plumb::kernels::attention
