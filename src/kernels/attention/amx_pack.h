// SPDX-License-Identifier: Apache-2.0
// The operands of tiles from rows of fp32, and outputs back to rows; what AmxKernel's members of the same names do. To be called on a host
// with AVX-512 only.
#pragma once
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::attention::tiles {

void pack_keys(const float* wide_D, std::int64_t head_steps, int parts, std::byte* packed);
void pack_queries(const float* wide_D, std::int64_t head_steps, int parts, int half, std::byte* packed);
void pack_values(const float* wide_E, std::int64_t value_units, int parts, std::byte* packed);
void normalise(const float* output_ET, std::int64_t value_units, const float* factor_T, float* out_TE);

}  // namespace plumb::kernels::attention::tiles
