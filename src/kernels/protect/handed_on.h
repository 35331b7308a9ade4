// SPDX-License-Identifier: Apache-2.0
// The reader of a protected output, for the two entries of fused_schemes.h.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "kernels/protect/protected_attention.h"

namespace plumb::kernels::protect {

inline attention::Strides contiguous(const attention::Problem& problem) {
    return attention::strides_bnhd(problem.shape.queries, problem.shape.heads, problem.shape.value_dim);
}

inline std::size_t row_count(const attention::Problem& problem) {
    return static_cast<std::size_t>(problem.shape.batch * problem.shape.heads * problem.shape.queries);
}

/// Adds to the report what the reader finds.
inline void read_rows(const attention::Problem& problem, std::span<const std::byte> out_BNHE, const std::vector<float>& row_sums_BHN,
                      Report& report) {
    const attention::Shape& s = problem.shape;
    report.row_checks += static_cast<std::int64_t>(row_sums_BHN.size());
    for (const std::int64_t row : changed_rows(s, problem.dtype, out_BNHE.data(), contiguous(problem), row_sums_BHN.data())) {
        ++report.alarms;
        ++report.unresolved;
        if (report.evidence.size() >= most_evidence) continue;
        Evidence evidence;
        evidence.alarm = Alarm::handoff;
        evidence.key_head = row / s.queries / s.group();
        evidence.row = row % (s.group() * s.queries);
        report.evidence.push_back(evidence);
    }
}

}  // namespace plumb::kernels::protect
