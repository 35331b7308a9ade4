// SPDX-License-Identifier: Apache-2.0
// From the structs of plumb/attention.h to those of the kernels.
#pragma once
#include "kernels/attention/attention.h"
#include "kernels/attention/backward.h"
#include "plumb/attention.h"

namespace plumb::capi {

kernels::attention::Strides strides_of(const plumb_attention_strides& strides);
/// Throws Error{usage} naming the field for a constant that is none, a number that is not aligned and a field that must be 0. What else
/// can be wrong is for validate() to say.
kernels::attention::Problem problem_of(const plumb_attention_problem* problem);
kernels::attention::Backward backward_of(const plumb_attention_problem* problem, const plumb_attention_gradients* gradients);
/// Throws Error{usage} naming `name` where the array is null, though it has numbers, or is not aligned to `alignment` bytes.
void require_array(const void* data, std::size_t alignment, bool has_numbers, const char* name);

}  // namespace plumb::capi
