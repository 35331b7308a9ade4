// SPDX-License-Identifier: Apache-2.0
#include "capi/convert.h"

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "capi/call.h"

namespace plumb::capi {

namespace {

using kernels::attention::Backward;
using kernels::attention::Mask;
using kernels::attention::MaskKind;
using kernels::attention::Precision;
using kernels::attention::Problem;
using kernels::attention::Strides;

Mask mask_of(const plumb_attention_problem& given) {
    return {.kind = enum_of<MaskKind>(given.mask, 5, "problem.mask",
                                      "none 0, boolean 1, key padding 2, causal 3, sliding window 4 (PLUMB_ATTENTION_MASK_...)"),
            .hidden = given.hidden,
            .left = given.window_left,
            .right = given.window_right};
}

/// OpenMP's library ends the program where the system gives it no more threads.
constexpr int most_threads = 1024;

int threads_of(std::int32_t threads) {
    if (threads < 0 || threads > most_threads) {
        reject("problem.threads", std::to_string(threads), "1 to " + std::to_string(most_threads) + ", or 0 for as many as OpenMP gives");
    }
    return threads == 0 ? std::min(omp_get_max_threads(), most_threads) : threads;
}

}  // namespace

Strides strides_of(const plumb_attention_strides& strides) {
    return {.batch = strides.batch, .head = strides.head, .row = strides.row, .column = strides.column};
}

void require_array(const void* data, std::size_t alignment, bool has_numbers, const char* name) {
    if (data == nullptr && has_numbers) reject(name, "a null pointer", "pass the array; plumb/attention.h states its shape");
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    if (address % alignment != 0) {
        reject(name, "at an address that " + std::to_string(alignment) + " does not divide", "numbers are aligned to their size");
    }
}

Problem problem_of(const plumb_attention_problem* problem) {
    const auto given = read_struct(problem, "problem");
    if (given.reserved != 0) reject("problem.reserved", std::to_string(given.reserved), "leave it 0");
    Problem made;
    made.shape = {.batch = given.batch,
                  .heads = given.heads,
                  .queries = given.queries,
                  .keys = given.keys,
                  .head_dim = given.head_dim,
                  .value_dim = given.value_dim,
                  .key_heads = given.key_heads};
    made.dtype = enum_of<base::Dtype>(given.dtype, 3, "problem.dtype", "fp32 0, bf16 1, fp16 2 (PLUMB_ATTENTION_FP32, ...)");
    made.precision =
        enum_of<Precision>(given.precision, 3, "problem.precision", "highest 0, high 1, medium 2 (PLUMB_ATTENTION_HIGHEST, ...)");
    made.q = given.q;
    made.k = given.k;
    made.v = given.v;
    made.q_strides = strides_of(given.q_strides);
    made.k_strides = strides_of(given.k_strides);
    made.v_strides = strides_of(given.v_strides);
    made.mask = mask_of(given);
    made.scale = given.scale;
    made.threads = threads_of(given.threads);
    made.bias = {.data = given.bias, .strides = strides_of(given.bias_strides)};
    // Which of them may be null is for validate() to say.
    const std::size_t size = base::size_of(made.dtype);
    require_array(made.q, size, false, "problem.q");
    require_array(made.k, size, false, "problem.k");
    require_array(made.v, size, false, "problem.v");
    require_array(made.bias.data, sizeof(float), false, "problem.bias");
    return made;
}

Backward backward_of(const plumb_attention_problem* problem, const plumb_attention_gradients* gradients) {
    Backward made;
    made.problem = problem_of(problem);
    const auto given = read_struct(gradients, "gradients");
    made.out = given.out;
    made.lse = given.lse;
    made.dout = given.dout;
    made.dq = given.dq;
    made.dk = given.dk;
    made.dv = given.dv;
    made.out_strides = strides_of(given.out_strides);
    made.dout_strides = strides_of(given.dout_strides);
    made.dq_strides = strides_of(given.dq_strides);
    made.dk_strides = strides_of(given.dk_strides);
    made.dv_strides = strides_of(given.dv_strides);
    const std::size_t size = base::size_of(made.problem.dtype);
    require_array(made.out, size, false, "gradients.out");
    require_array(made.lse, sizeof(float), false, "gradients.lse");
    require_array(made.dout, size, false, "gradients.dout");
    require_array(made.dq, size, false, "gradients.dq");
    require_array(made.dk, size, false, "gradients.dk");
    require_array(made.dv, size, false, "gradients.dv");
    return made;
}

}  // namespace plumb::capi
