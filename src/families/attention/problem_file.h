// SPDX-License-Identifier: Apache-2.0
// An attention problem that somebody else made, in a tensor file (base/tensor_file.h):
//   q     B x N x H x D   in the layout bnhd, B x H x N x D in bhnd; fp32, fp16 or bf16
//   k     B x M x G x D   same type and layout, H a multiple of G
//   v     B x M x G x E
//   mask  B x N x M or B x M, bool or u8: true = this key is hidden from this query (PyTorch's masks say the opposite); optional
//   bias  B x H x N x M in either layout, a size of 1 repeats; fp32, fp16 or bf16 (used as fp32); optional
//   d_out the gradient of the output, shaped as the output and of the type of q; read for direction=backward alone
// Legend: B batch, N queries, M keys, H heads, G key heads, D head_dim, E value_dim.
#pragma once
#include <filesystem>
#include <memory>
#include <vector>

#include "base/tensor.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// What a file says about its problem without its numbers.
struct ProblemFacts {
    kernels::attention::Shape shape;  ///< key_heads is 0 where there are as many as heads
    base::Dtype dtype = base::Dtype::fp32;
    kernels::attention::MaskKind mask = kernels::attention::MaskKind::none;  ///< none, boolean or key_padding
    bool bias = false;
};

/// Throws what opening throws, missing for an absent q, k or v, usage for a tensor of a wrong type or number of axes.
ProblemFacts problem_facts(const std::filesystem::path& file, kernels::attention::Layout layout);

/// Owns the numbers that `problem` borrows.
struct FileProblem {
    std::vector<base::Tensor> tensors;
    std::vector<std::uint8_t> hidden;
    std::vector<float> bias;
    kernels::attention::Problem problem;
};

/// Reads everything. `mask`: the file's own kind, else none, causal or sliding_window; `left` and `right` as in Mask. One copy is shared by
/// all that use it. Throws what problem_facts() throws, and usage naming both shapes where two tensors do not fit together
/// (kernels/attention/bind.h).
std::shared_ptr<const FileProblem> read_problem(const std::filesystem::path& file, kernels::attention::Layout layout,
                                                const kernels::attention::Mask& mask, float scale);

/// Throws missing where there is no d_out, usage naming both where it is not shaped and typed as the output.
void require_output_gradient(const std::filesystem::path& file, kernels::attention::Layout layout);
/// The same, and reads it.
base::Tensor read_output_gradient(const std::filesystem::path& file, kernels::attention::Layout layout);

}  // namespace plumb::families::attention
