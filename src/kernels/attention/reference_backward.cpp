// SPDX-License-Identifier: Apache-2.0
// Gradients in fp64 by the derivative of softmax itself: nothing is taken from a forward pass.
#include "kernels/attention/backward.h"
#include "kernels/attention/stepwise_backward.h"

namespace plumb::kernels::attention {

void reference_backward(const Problem& problem, const void* dout, const Strides& dout_strides, const Gradients<double>& gradients) {
    validate(problem);
    const auto differentiate = [&](std::int64_t, std::int64_t, std::int64_t, GradientRow<double>& row) {
        const std::vector<std::uint8_t>& hidden_M = row.head.hidden_M;
        softmax_visible<double>(hidden_M, row.probability_M);
        double mean = 0;
        for (std::int64_t m = 0; m < problem.shape.keys; ++m)
            if (!hidden_M[m]) mean += row.probability_M[m] * row.dscore_M[m];
        for (std::int64_t m = 0; m < problem.shape.keys; ++m) row.dscore_M[m] = row.probability_M[m] * (row.dscore_M[m] - mean);
    };
    stepwise_backward<double>(problem, dout, dout_strides, effective_scale(problem), gradients, differentiate);
}

}  // namespace plumb::kernels::attention
