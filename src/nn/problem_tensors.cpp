// SPDX-License-Identifier: Apache-2.0
#include "nn/problem_tensors.h"

#include <ATen/ATen.h>

#include "kernels/attention/masks.h"

namespace plumb::nn {

using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Shape;
using kernels::attention::Strides;

namespace {

at::ScalarType torch_type(base::Dtype dtype) {
    return dtype == base::Dtype::fp32 ? at::kFloat : dtype == base::Dtype::bf16 ? at::kBFloat16 : at::kHalf;
}

/// True where causality or the window hides the key, (1, N, M); undefined without either. Aligned at the bottom right.
at::Tensor hidden_by_place(const Problem& problem) {
    if (!kernels::attention::is_positional(problem.mask)) return {};
    const Shape& shape = problem.shape;
    at::Tensor hidden_NM = at::ones({shape.queries, shape.keys}, at::kBool);
    for (std::int64_t query = 0; query < shape.queries; ++query) {
        const kernels::attention::KeyRange range = kernels::attention::range_of(problem, query);
        if (range.size() > 0) hidden_NM.select(0, query).slice(0, range.begin, range.end).fill_(false);
    }
    return hidden_NM.unsqueeze(0);
}

}  // namespace

ArraySizes query_sizes(const Problem& problem) {
    return {problem.shape.heads, problem.shape.queries, problem.shape.head_dim};
}
ArraySizes key_sizes(const Problem& problem) {
    return {problem.shape.kv_heads(), problem.shape.keys, problem.shape.head_dim};
}
ArraySizes value_sizes(const Problem& problem) {
    return {problem.shape.kv_heads(), problem.shape.keys, problem.shape.value_dim};
}
ArraySizes output_sizes(const Problem& problem) {
    return {problem.shape.heads, problem.shape.queries, problem.shape.value_dim};
}

at::Tensor view_BRHC(const Problem& problem, const void* data, const ArraySizes& sizes, const Strides& strides) {
    // from_blob has no form for constant data.
    return at::from_blob(const_cast<void*>(data), {problem.shape.batch, sizes.rows, sizes.heads, sizes.columns},
                         {strides.batch, strides.row, strides.head, strides.column}, torch_type(problem.dtype));
}

at::Tensor hidden_flags(const Problem& problem) {
    const Shape& s = problem.shape;
    std::vector<std::int64_t> sizes;
    if (problem.mask.kind == MaskKind::boolean) sizes = {s.batch, s.queries, s.keys};
    if (problem.mask.kind == MaskKind::key_padding) sizes = {s.batch, s.keys};
    if (sizes.empty()) return {};
    return at::from_blob(const_cast<std::uint8_t*>(problem.mask.hidden), sizes, at::kByte).to(at::kBool);
}

at::Tensor hidden_keys(const Problem& problem) {
    const at::Tensor by_place = hidden_by_place(problem);
    at::Tensor by_marks = hidden_flags(problem);
    if (problem.mask.kind == MaskKind::key_padding) by_marks = by_marks.unsqueeze(1);
    if (by_place.defined() && by_marks.defined()) return by_place.logical_or(by_marks);
    return by_place.defined() ? by_place : by_marks;
}

bool is_causal_alone(const Problem& problem) {
    return problem.mask.kind == MaskKind::causal && problem.mask.left < 0 && problem.shape.queries == problem.shape.keys;
}

at::Tensor bias_BHNM(const Problem& problem) {
    const Shape& shape = problem.shape;
    const Strides& strides = problem.bias.strides;
    if (problem.bias.data == nullptr) return {};
    return at::from_blob(const_cast<float*>(problem.bias.data), {shape.batch, shape.heads, shape.queries, shape.keys},
                         {strides.batch, strides.head, strides.row, strides.column}, at::kFloat)
        .to(torch_type(problem.dtype));
}

bool has_negative_strides(const Problem& problem) {
    for (const Strides& by : {problem.q_strides, problem.k_strides, problem.v_strides, problem.bias.strides}) {
        if (by.batch < 0 || by.head < 0 || by.row < 0 || by.column < 0) return true;
    }
    return false;
}

void throw_as_ours(const std::string& what) {
    try {
        throw;
    } catch (const c10::Error& error) {
        throw base::Error(base::ErrorKind::failed, what + ": LibTorch says: " + error.what_without_backtrace());
    }
}

}  // namespace plumb::nn
