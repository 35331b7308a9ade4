// SPDX-License-Identifier: Apache-2.0
// The sum that is handed on with a row of outputs, so that whoever reads the row next can tell whether it is still the one that was
// checked.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace plumb::kernels::protect {

/// Sum, first to last in fp32, of the numbers as they are when stored as `dtype`. Taken from `numbers` before they are stored.
inline float sum_of_stored(base::Dtype dtype, const float* numbers, std::int64_t count) {
    float sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        std::uint32_t word = 0;  // room for a number of any type
        base::store(dtype, &word, 0, numbers[i]);
        sum += base::load(dtype, &word, 0);
    }
    return sum;
}

/// The same of a row in memory; `column`: elements between neighbours.
inline float sum_in_memory(base::Dtype dtype, const void* row, std::int64_t column, std::int64_t count) {
    float sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += base::load(dtype, row, i * column);
    return sum;
}

}  // namespace plumb::kernels::protect
