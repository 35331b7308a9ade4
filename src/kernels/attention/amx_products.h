// SPDX-License-Identifier: Apache-2.0
// The one matrix product of attention on tiles, used for the scores (keys x queries) and for the outputs (values x probabilities):
//   sums[m, t] = or += sum over c of left[m, c] right[c, t]      for 32 columns t, which are rows of the problem
//
// Units of 16 rows m; steps of 32 numbers c. Tiles 0, 1 hold a unit's sums for columns 0..15 and 16..31, tiles 2, 3 the next unit's, 4, 5
// left operands, 6, 7 right ones. A unit's sums are stored while the next unit is being multiplied: stored at once, right behind the
// products they wait for, they cost about 16 cycles each that nothing hides.
//
// `parts`: 1 or 2 bf16 a number (split.h). Order of sums: steps in order, in each step low x high, high x low, high x high; so the result
// does not depend on how the steps are spread over calls.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/amx_kernel.h"
#include "kernels/attention/amx_registers.h"

namespace plumb::kernels::attention::tiles {

/// Where the left operand's tiles stand: those of unit u and step s from first + u unit + s step on, the low part behind the high one.
struct Left {
    const std::byte* first;
    std::ptrdiff_t unit;
    std::ptrdiff_t step;
};

inline constexpr std::ptrdiff_t sum_row = amx_rows * static_cast<std::ptrdiff_t>(sizeof(float));
inline constexpr std::int64_t unit_sums = amx_unit * amx_rows;

/// Right operand of one step: columns 0..15, then 16..31, each `parts` tiles.
template <int sum, int parts>
inline void add_step(const std::byte* left, const std::byte* right) {
    const std::byte* right_second = right + parts * bytes;
    load<4>(left, row_bytes);
    load<6>(right, row_bytes);
    load<7>(right_second, row_bytes);
    if constexpr (parts == 2) {
        load<5>(left + bytes, row_bytes);
        multiply_add<sum, 5, 6>();
        multiply_add<sum + 1, 5, 7>();
        load<6>(right + bytes, row_bytes);
        load<7>(right_second + bytes, row_bytes);
        multiply_add<sum, 4, 6>();
        multiply_add<sum + 1, 4, 7>();
        load<6>(right, row_bytes);
        load<7>(right_second, row_bytes);
    }
    multiply_add<sum, 4, 6>();
    multiply_add<sum + 1, 4, 7>();
}

template <int sum>
inline void store_unit(float* sums) {
    store<sum>(sums, sum_row);
    store<sum + 1>(sums + amx_unit, sum_row);
}

/// One unit into tiles `sum` and `sum` + 1. `waiting`: where the sums in the other two tiles go, null when there are none.
template <int sum, int parts, bool adds>
inline void multiply_unit(const Left& left, std::int64_t unit, const std::byte* right, std::int64_t steps, float* sums, float* waiting) {
    const std::byte* at = left.first + unit * left.unit;
    if constexpr (adds) {
        load<sum>(sums, sum_row);
        load<sum + 1>(sums + amx_unit, sum_row);
    } else {
        zero<sum>();
        zero<sum + 1>();
    }
    add_step<sum, parts>(at, right);
    if (waiting != nullptr) store_unit<2 - sum>(waiting);
    for (std::int64_t s = 1; s < steps; ++s) add_step<sum, parts>(at + s * left.step, right + s * 2 * parts * bytes);
}

/// `units` and `steps` are at least 1. sums: units x 16 rows of 32 numbers.
template <int parts, bool adds>
inline void multiply(const Left& left, const std::byte* right, std::int64_t units, std::int64_t steps, float* sums) {
    float* waiting = nullptr;
    for (std::int64_t u = 0; u < units; ++u) {
        float* target = sums + u * unit_sums;
        if (u % 2 == 0) {
            multiply_unit<0, parts, adds>(left, u, right, steps, target, waiting);
        } else {
            multiply_unit<2, parts, adds>(left, u, right, steps, target, waiting);
        }
        waiting = target;
    }
    if (units % 2 == 1) {
        store_unit<0>(waiting);
    } else {
        store_unit<2>(waiting);
    }
}

}  // namespace plumb::kernels::attention::tiles
