// SPDX-License-Identifier: Apache-2.0
// From arrays with sizes of their own to a Problem: the entry for callers whose q, k, v and mask come from somewhere else and may not fit
// together. Legend: B batch, N queries, M keys, H heads, G key heads, D head_dim, E value_dim.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"

namespace plumb::kernels::attention {

/// A borrowed array over (batch, row, head, column) in any memory layout.
struct View {
    const void* data = nullptr;
    std::int64_t batch = 0;
    std::int64_t rows = 0;
    std::int64_t heads = 0;
    std::int64_t columns = 0;
    Strides strides;
    base::Dtype dtype = base::Dtype::fp32;
};
/// Contiguous B x rows x H x columns.
View view_bnhd(const void* data, std::int64_t batch, std::int64_t rows, std::int64_t heads, std::int64_t columns,
               base::Dtype dtype = base::Dtype::fp32);

/// Checks that q (B,N,H,D), k (B,M,G,D), v (B,M,G,E), mask and bias fit together; H is a multiple of G. `mask_sizes`: {B, N, M} of a
/// boolean mask, {B, M} of key padding, empty otherwise. `bias_BNHM`: fp32, rows are queries and columns keys; a size of 1 repeats along
/// that axis; null data: none. Throws Error{usage} naming both shapes of the first pair that does not fit, and what differs.
Problem bind(const View& q_BNHD, const View& k_BMGD, const View& v_BMGE, const Mask& mask = {},
             std::span<const std::int64_t> mask_sizes = {}, float scale = 0, int threads = 1, const View& bias_BNHM = {});

}  // namespace plumb::kernels::attention
