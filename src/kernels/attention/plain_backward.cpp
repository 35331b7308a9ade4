// SPDX-License-Identifier: Apache-2.0
// The backward pass in fp32 as one would first write it: the yardstick of the accuracy rule for gradients. Compiled without contraction: a
// fused multiply-add would flatter it.
#include <cmath>

#include "kernels/attention/backward.h"
#include "kernels/attention/stepwise_backward.h"

namespace plumb::kernels::attention {

void plain_backward(const Backward& backward, const Gradients<float>& gradients) {
    const Problem& problem = backward.problem;
    validate(problem);
    const Shape& s = problem.shape;
    const Strides& strides = backward.out_strides;
    const auto differentiate = [&](std::int64_t b, std::int64_t h, std::int64_t n, GradientRow<float>& row) {
        const float lse = backward.lse[(b * s.heads + h) * s.queries + n];
        const std::int64_t out = b * strides.batch + h * strides.head + n * strides.row;
        float delta = 0;
        for (std::int64_t e = 0; e < s.value_dim; ++e)
            delta += row.dout_E[e] * base::load(problem.dtype, backward.out, out + e * strides.column);
        for (std::int64_t m = 0; m < s.keys; ++m) {
            row.probability_M[m] = std::exp(row.probability_M[m] - lse);
            row.dscore_M[m] = row.probability_M[m] * (row.dscore_M[m] - delta);
        }
    };
    stepwise_backward<float>(problem, backward.dout, backward.dout_strides, static_cast<float>(effective_scale(problem)), gradients,
                             differentiate);
}

}  // namespace plumb::kernels::attention
