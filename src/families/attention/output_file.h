// SPDX-License-Identifier: Apache-2.0
// The result of an implementation as a tensor file, so that anybody can hold it against anything:
//   out   B x N x H x E (layout bnhd) or B x H x N x E (bhnd), in the type of the problem
//   lse   B x H x N, fp32: natural logarithm of the sum of exp(scores) over the visible keys; not by LibTorch's forms, which return none
// and of the backward pass, in the same layout and type:
//   dq    B x N x H x D
//   dk    B x M x G x D
//   dv    B x M x G x E
// Legend: B batch, N queries, M keys, H heads, G key heads, D head_dim, E value_dim.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "families/attention/executor.h"
#include "families/attention/gradient_case.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// Writes the last output of `executor`; the extension says the format (base/tensor_file.h). `about` goes into a safetensors file's
/// metadata. Throws unsupported for bf16 in npz, usage for another extension, failed where it cannot be written.
void write_output(const std::filesystem::path& file, const kernels::attention::Problem& problem, kernels::attention::Layout layout,
                  const Executor& executor, const std::map<std::string, std::string>& about);

/// The same for gradients.
void write_gradients(const std::filesystem::path& file, const kernels::attention::Problem& problem, kernels::attention::Layout layout,
                     const GradientArrays& gradients, const std::map<std::string, std::string>& about);

}  // namespace plumb::families::attention
