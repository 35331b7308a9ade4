// SPDX-License-Identifier: Apache-2.0
// From arrays with sizes of their own to a Problem: the entry for callers whose q, k, v and mask come from somewhere else and may not fit
// together. Legend: B batch, N queries, M keys, H heads, D head_dim, E value_dim.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// A borrowed array over (batch, row, head, column) in any memory layout.
struct View {
    const float* data = nullptr;
    std::int64_t batch = 0;
    std::int64_t rows = 0;
    std::int64_t heads = 0;
    std::int64_t columns = 0;
    Strides strides;
};
/// Contiguous B x rows x H x columns.
View view_bnhd(const float* data, std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t columns);

/// Checks that q (B,N,H,D), k (B,M,H,D), v (B,M,H,E) and the mask fit together. `mask_sizes`: {B, N, M} of a boolean mask, {B, M} of key
/// padding, empty otherwise. Throws Error{usage} naming both shapes of the first pair that does not fit, and what differs.
Problem bind(const View& q_BNHD, const View& k_BMHD, const View& v_BMHE, const Mask& mask = {},
             std::span<const std::int64_t> mask_sizes = {}, float scale = 0, int threads = 1);

}  // namespace plumb::kernels::attention
