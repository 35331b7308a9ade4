/* SPDX-License-Identifier: Apache-2.0
 * The header as a C11 compiler sees it. Attention of one head with equal scores: every output is the mean of the values that are seen. */
#include "plumb/attention.h"

int c_causal_mean(const float* values, int64_t length, float* out);

int c_causal_mean(const float* values, int64_t length, float* out) {
    static const float zero[1] = {0};
    const plumb_attention_strides nowhere = {0, 0, 0, 0};
    const plumb_attention_strides column = plumb_attention_strides_bhnd(1, length, 1);
    plumb_attention_problem problem = plumb_attention_problem_default();
    problem.queries = length;
    problem.keys = length;
    problem.head_dim = 1;
    problem.value_dim = 1;
    problem.q = zero;
    problem.k = zero;
    problem.v = values;
    problem.q_strides = nowhere;
    problem.k_strides = nowhere;
    problem.v_strides = column;
    problem.mask = PLUMB_ATTENTION_MASK_CAUSAL;
    return (int)plumb_attention_forward(&problem, PLUMB_ATTENTION_PROTECT_NONE, out, &column, 0, 0);
}
