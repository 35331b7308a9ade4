// SPDX-License-Identifier: Apache-2.0
// What an attention problem must read and write at least once, and reading it as plainly as the machine can.
#pragma once
#include <cstdint>

#include "kernels/attention/attention.h"

namespace plumb::families::attention {

/// Bytes of the keys and values that their place lets any query see (hidden ones of a boolean mask or of padding count), of the queries
/// and of the output. A decoding step (few queries) is bound by them.
double needed_bytes(const kernels::attention::Problem& problem);
/// Bytes of all keys and values.
double key_value_bytes(const kernels::attention::Problem& problem);
/// Reads all keys and values, which must be dense, once with wide loads (kernels/probe/peak.h). Returns a sum of them.
std::uint64_t read_keys_and_values(const kernels::attention::Problem& problem);

}  // namespace plumb::families::attention
