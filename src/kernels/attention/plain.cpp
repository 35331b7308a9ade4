// SPDX-License-Identifier: Apache-2.0
// Attention in fp32 as one would first write it: the yardstick of the accuracy rule. Compiled without contraction: a fused multiply-add
// would flatter it.
#include "kernels/attention/attention.h"
#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {

void plain(const Problem& problem, std::span<float> out_BNHE) {
    validate(problem);
    stepwise_attention<float>(problem, static_cast<float>(effective_scale(problem)), out_BNHE);
}

}  // namespace plumb::kernels::attention
