// SPDX-License-Identifier: Apache-2.0
// The yardstick of forms that keep every intermediate in the type of their inputs, as a framework's tensors are.
#pragma once
#include <span>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// plain(), but products, scaled scores, scores with bias and probabilities are rounded to problem.dtype before the next step uses them;
/// sums are fp32, and the output is not rounded. For fp32 the same as plain(). out: B x N x H x E contiguous. Throws what plain() throws.
void plain_stored(const Problem& problem, std::span<float> out_BNHE);

}  // namespace plumb::kernels::attention
