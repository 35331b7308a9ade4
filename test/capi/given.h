// SPDX-License-Identifier: Apache-2.0
// A problem of the kernels in the words of plumb/attention.h.
#pragma once
#include "kernels/attention/attention.h"
#include "plumb/attention.h"

namespace plumb::test {

inline plumb_attention_strides c_strides(const kernels::attention::Strides& strides) {
    return {strides.batch, strides.head, strides.row, strides.column};
}

inline plumb_attention_problem c_problem(const kernels::attention::Problem& problem) {
    plumb_attention_problem made = plumb_attention_problem_default();
    made.batch = problem.shape.batch;
    made.heads = problem.shape.heads;
    made.key_heads = problem.shape.key_heads;
    made.queries = problem.shape.queries;
    made.keys = problem.shape.keys;
    made.head_dim = problem.shape.head_dim;
    made.value_dim = problem.shape.value_dim;
    made.q = problem.q;
    made.k = problem.k;
    made.v = problem.v;
    made.q_strides = c_strides(problem.q_strides);
    made.k_strides = c_strides(problem.k_strides);
    made.v_strides = c_strides(problem.v_strides);
    made.bias = problem.bias.data;
    made.bias_strides = c_strides(problem.bias.strides);
    made.hidden = problem.mask.hidden;
    made.window_left = problem.mask.left;
    made.window_right = problem.mask.right;
    made.mask = static_cast<std::int32_t>(problem.mask.kind);
    made.dtype = static_cast<std::int32_t>(problem.dtype);
    made.precision = static_cast<std::int32_t>(problem.precision);
    made.threads = problem.threads;
    made.scale = problem.scale;
    return made;
}

}  // namespace plumb::test
