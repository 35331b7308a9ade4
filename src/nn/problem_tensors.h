// SPDX-License-Identifier: Apache-2.0
// A Problem as LibTorch's tensors see it: views of its arrays, its masks, and LibTorch's exceptions as plumb's. For .cpp files of nn alone,
// which include LibTorch themselves; here its tensor is only named.
//
// Legend: B batch, H heads, N queries, M keys, rows N or M, columns D or E.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "kernels/attention/attention.h"

namespace at {
class Tensor;
}

namespace plumb::nn {

/// Heads, rows and columns of one of the problem's arrays.
struct ArraySizes {
    std::int64_t heads, rows, columns;
};
ArraySizes query_sizes(const kernels::attention::Problem& problem);
ArraySizes key_sizes(const kernels::attention::Problem& problem);
ArraySizes value_sizes(const kernels::attention::Problem& problem);
ArraySizes output_sizes(const kernels::attention::Problem& problem);

/// B x rows x heads x columns of problem.dtype where the numbers lie. Nobody may write to it.
at::Tensor view_BRHC(const kernels::attention::Problem& problem, const void* data, const ArraySizes& sizes,
                     const kernels::attention::Strides& strides);
/// A copy of the marks of a boolean mask (B x N x M) or of key padding (B x M), true = hidden; undefined for the other kinds.
at::Tensor hidden_flags(const kernels::attention::Problem& problem);
/// True where marks, causality or the window hide the key, (B or 1, N or 1, M); undefined where all are visible.
at::Tensor hidden_keys(const kernels::attention::Problem& problem);
/// LibTorch's is_causal, which aligns at the top left, says the same as the problem's mask.
bool is_causal_alone(const kernels::attention::Problem& problem);
/// Over all four axes, in the type of q: a view of the borrowed numbers for fp32. Undefined without a bias.
at::Tensor bias_BHNM(const kernels::attention::Problem& problem);
/// Any of q, k, v and the bias runs backwards in memory, which LibTorch does not take.
bool has_negative_strides(const kernels::attention::Problem& problem);

/// Inside a handler of LibTorch's exceptions: throws failed with its message.
[[noreturn]] void throw_as_ours(const std::string& what);

/// Runs `action` while `Mode` (c10::InferenceMode, at::AutoGradMode(true)) lives; LibTorch's exceptions become Error{failed}.
template <class Mode, typename Action>
auto guarded(const std::string& what, Action action) {
    const Mode mode(true);
    try {
        return action();
    } catch (const base::Error&) {
        throw;
    } catch (...) {
        throw_as_ours(what);
    }
}

}  // namespace plumb::nn
