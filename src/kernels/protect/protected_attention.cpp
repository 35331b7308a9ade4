// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/protected_attention.h"

#include <cmath>

#include "kernels/protect/protected_problem.h"
#include "kernels/protect/protected_run.h"

namespace plumb::kernels::protect {

Report protected_attention(const attention::Problem& problem, const Protection& protection, void* out,
                           const attention::Strides& out_strides, float* lse_BHN, float* row_sums_BHN) {
    require_protectable(problem, protection);
    if (!has_rows(problem)) return {};
    if (protection.level == Level::none && row_sums_BHN == nullptr) {
        attention::fused(problem, out, out_strides, lse_BHN);
        return {};
    }
    const NoInjection none;
    return ProtectedRun<NoInjection>(problem, effective(protection), {out, out_strides, lse_BHN}, row_sums_BHN, none).all();
}

std::vector<std::int64_t> changed_rows(const attention::Shape& shape, base::Dtype dtype, const void* out,
                                       const attention::Strides& out_strides, const float* row_sums_BHN) {
    std::vector<std::int64_t> changed;
    const GuardedKernel& kernel = guarded_kernel(current_isa());
    for (std::int64_t row = 0; row < shape.batch * shape.heads * shape.queries; ++row) {
        const std::int64_t n = row % shape.queries;
        const std::int64_t h = row / shape.queries % shape.heads;
        const std::int64_t b = row / shape.queries / shape.heads;
        const void* first = base::advance(dtype, out, b * out_strides.batch + h * out_strides.head + n * out_strides.row);
        const float sum = kernel.sum_row(dtype, first, out_strides.column, shape.value_dim);
        const bool both_nan = std::isnan(sum) && std::isnan(row_sums_BHN[row]);
        if (sum != row_sums_BHN[row] && !both_nan) changed.push_back(row);
    }
    return changed;
}

}  // namespace plumb::kernels::protect
