// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/report.h"

#include <algorithm>
#include <cmath>

#include "kernels/protect/protected_attention.h"

namespace plumb::torch_ops {

namespace {

using kernels::protect::Level;
using kernels::protect::Report;

/// In millionths; what is too large for that, and NaN, as the largest number.
std::int64_t in_millionths(double share) {
    constexpr double most = 9e18;
    const double scaled = share * 1e6;
    return static_cast<std::int64_t>(scaled < most ? scaled : most);
}

}  // namespace

std::vector<std::string> column_names() {
    return {"level",      "row_checks", "unchecked_rows",      "alarms", "corrected", "false_alarms",
            "unresolved", "trusted",    "largest_residual_ppm"};
}

Row joined(const Row& a, const Row& b) {
    Row sum = {};
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a[i] + b[i];
    sum[level] = b[level];
    sum[trusted] = std::min(a[trusted], b[trusted]);
    sum[largest_residual_ppm] = std::max(a[largest_residual_ppm], b[largest_residual_ppm]);
    return sum;
}

Row run_reported(const kernels::attention::Problem& problem, Level wanted, void* out, const kernels::attention::Strides& out_strides,
                 float* lse_BHN) {
    const Report found = kernels::protect::protected_attention(problem, {.level = wanted}, out, out_strides, lse_BHN);
    Row row = {};
    row[level] = static_cast<std::int64_t>(wanted);
    row[row_checks] = found.row_checks;
    row[unchecked_rows] = found.unchecked_rows;
    row[alarms] = found.alarms;
    row[corrected] = found.corrected;
    row[false_alarms] = found.false_alarms;
    row[unresolved] = found.unresolved;
    row[trusted] = wanted != Level::none && found.trusted() ? 1 : 0;
    row[largest_residual_ppm] = in_millionths(found.largest_residual);
    return row;
}

}  // namespace plumb::torch_ops
