// SPDX-License-Identifier: Apache-2.0
// The norm of the accuracy rules and their bound (accuracy.h), on plain lists of numbers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "base/dtype.h"

namespace plumb::kernels::attention {

/// Largest |out - exact|; infinite where one is NaN or inf and the other is not the same.
inline double largest_error(std::span<const double> exact, std::span<const float> out) {
    double largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double value = out[i];
        if (std::isfinite(exact[i]) && std::isfinite(value)) {
            largest = std::max(largest, std::abs(value - exact[i]));
        } else if (std::isnan(exact[i]) != std::isnan(value) || (!std::isnan(value) && value != exact[i])) {
            return std::numeric_limits<double>::infinity();
        }
    }
    return largest;
}

inline double largest_finite(std::span<const double> numbers) {
    double largest = 0;
    for (const double number : numbers) {
        if (std::isfinite(number)) largest = std::max(largest, std::abs(number));
    }
    return largest;
}

/// What a result rounded to `dtype` may be wrong by: twice the error of the yardstick and the rounding of a number of that size.
inline double error_bound(double yardstick_error, double largest, base::Dtype dtype) {
    const double allowed = 2 * yardstick_error;
    return allowed + std::max(base::rounding_unit(dtype) * (largest + allowed), base::smallest_denormal(dtype) / 2);
}

inline std::int64_t distinct_up_to_two(std::span<const float> numbers) {
    if (numbers.empty()) return 0;
    return std::all_of(numbers.begin(), numbers.end(), [&](float number) { return number == numbers.front(); }) ? 1 : 2;
}

}  // namespace plumb::kernels::attention
