// SPDX-License-Identifier: Apache-2.0
// The two passes of resize.h, chosen among the instruction sets. Both are one sum, out[i] = (2^21 + sum over k of weight[k] * row k[i]) >>
// 22, of neighbouring bytes at once: rows of pixels for the pass downwards; for the pass across, 16 rows are turned so that a pixel's
// column of 16 bytes a channel becomes such a row.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/image/resize.h"

namespace plumb::kernels::image {

constexpr int weight_bits = 22;  // 32, less 8 of a byte, less 2 so that no sum overflows

struct Rows {
    const std::uint8_t* first = nullptr;
    std::size_t stride = 0;  ///< bytes from a row to the next
    std::size_t count = 0;
};

/// `in` begins with the pixel weights.first_input() of each row; output rows are `out_stride` bytes apart.
void sum_across(const AxisWeights& weights, const Rows& in, ResizeMemory& memory, std::uint8_t* out, std::size_t out_stride);
/// `in` begins with row weights.first_input(); output rows of `row_bytes` follow each other.
void sum_down(const AxisWeights& weights, const Rows& in, std::size_t row_bytes, std::uint8_t* out);

}  // namespace plumb::kernels::image
