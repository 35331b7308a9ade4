// SPDX-License-Identifier: Apache-2.0
// Tensors over batch, rows, heads and columns between memory layouts.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention/inputs.h"

namespace plumb::families::attention {

/// Sizes of q (rows N, heads H, columns D), of k, of an output.
struct Sizes {
    std::int64_t batch, rows, heads, columns;

    std::size_t count() const { return static_cast<std::size_t>(batch * rows * heads * columns); }
    /// Of contiguous numbers.
    kernels::attention::Strides strides(kernels::attention::Layout layout) const;
    /// As a tensor file names them.
    std::vector<std::int64_t> axes(kernels::attention::Layout layout) const;
};
Sizes sizes_of_queries(const kernels::attention::Shape& shape);
Sizes sizes_of_keys(const kernels::attention::Shape& shape);
Sizes sizes_of_values(const kernels::attention::Shape& shape);
Sizes sizes_of_output(const kernels::attention::Shape& shape);

/// Contiguous in the layout `to`, widened to fp32, from numbers that lie anyhow.
std::vector<float> gathered(const Sizes& sizes, base::Dtype dtype, const void* numbers, const kernels::attention::Strides& strides,
                            kernels::attention::Layout to = kernels::attention::Layout::bnhd);

}  // namespace plumb::families::attention
