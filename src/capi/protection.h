// SPDX-License-Identifier: Apache-2.0
// The forward pass at a level of protection, and its report in C's terms.
#pragma once
#include <cstdint>

#include "kernels/attention/attention.h"
#include "plumb/attention.h"

namespace plumb::capi {

/// Throws Error{usage} for a level that is none, Error{unsupported} where the problem cannot be protected.
void require_protectable(const kernels::attention::Problem& problem, std::int32_t protection);
/// Computes, fills `report` (null: nobody wants it) and says whether the output can be trusted.
plumb_attention_status run_protected(const kernels::attention::Problem& problem, std::int32_t protection, void* out,
                                     const kernels::attention::Strides& out_strides, float* lse, plumb_attention_report* report);

}  // namespace plumb::capi
