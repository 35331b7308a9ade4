// SPDX-License-Identifier: Apache-2.0
// Attention in fp64: the answer that everything else is compared with.
#include "kernels/attention/attention.h"
#include "kernels/attention/stepwise.h"

namespace plumb::kernels::attention {

void reference(const Problem& problem, std::span<double> out_BNHE, std::span<double> lse_BHN) {
    validate(problem);
    stepwise_attention<double>(problem, effective_scale(problem), out_BNHE, lse_BHN);
}

}  // namespace plumb::kernels::attention
