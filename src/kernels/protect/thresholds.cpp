// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/thresholds.h"

#include <algorithm>
#include <cmath>

namespace plumb::kernels::protect {
namespace {

constexpr double u = 0x1p-24;

double gamma(std::int64_t roundings) {
    const double all = static_cast<double>(roundings) * u;
    return all / (1 - all);
}

}  // namespace

ThresholdFactors thresholds(ThresholdKind kind, const attention::Shape& shape, const attention::Plan& plan, std::int64_t block_keys) {
    if (kind == ThresholdKind::calibrated) {
        const double columns = static_cast<double>(std::max<std::int64_t>(shape.value_dim, 1));
        return {.scores = static_cast<float>(32 * u),
                .outputs = static_cast<float>(16 * u),
                .output_bound = static_cast<float>(8 * u / std::sqrt(columns))};
    }
    const std::int64_t blocks = attention::divide_up(shape.keys, block_keys) + plan.splits;
    return {.scores = static_cast<float>(2 * gamma(shape.head_dim + block_keys + 2 * pending_blocks + 10)),
            .outputs = 0,
            .output_bound = static_cast<float>(2 * gamma(block_keys + blocks + shape.value_dim + 8))};
}

}  // namespace plumb::kernels::protect
