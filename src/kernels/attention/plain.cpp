// SPDX-License-Identifier: Apache-2.0
// Attention in fp32 as one would first write it: the yardstick of the accuracy rule. Compiled without contraction: a fused multiply-add
// would flatter it.
#include "kernels/attention/attention.h"
#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {

void plain(const Problem& problem, std::span<float> out_BNHE, std::span<float> lse_BHN) {
    validate(problem);
    stepwise_attention<float>(problem, static_cast<float>(effective_scale(problem)), out_BNHE, lse_BHN);
}

}  // namespace plumb::kernels::attention
