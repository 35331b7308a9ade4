// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/report.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace plumb::torch_ops {

std::vector<std::string> column_names() {
    return {"level", "row_checks", "alarms", "corrected", "false_alarms", "unresolved", "trusted", "largest_residual_ppm"};
}

Row joined(const Row& a, const Row& b) {
    Row sum = {};
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a[i] + b[i];
    sum[level] = b[level];
    sum[trusted] = std::min(a[trusted], b[trusted]);
    sum[largest_residual_ppm] = std::max(a[largest_residual_ppm], b[largest_residual_ppm]);
    return sum;
}

std::int64_t level_of(std::string_view protect) {
    const std::vector<std::string> names = {"none", "detect", "correct"};
    const auto found = std::find(names.begin(), names.end(), protect);
    if (found == names.end())
        throw base::Error(base::ErrorKind::usage, "protect is '" + std::string(protect) + "'", base::suggest(protect, names));
    return found - names.begin();
}

Row run_reported(const kernels::attention::Problem& problem, std::int64_t wanted, void* out, const kernels::attention::Strides& out_strides,
                 float* lse_BHN) {
    if (wanted != 0)
        throw base::Error(base::ErrorKind::unsupported, "this version of the library has no protected attention", "pass protect=\"none\"");
    kernels::attention::fused(problem, out, out_strides, lse_BHN);
    return {};
}

}  // namespace plumb::torch_ops
