// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/fused_schemes.h"

#include <vector>

#include "kernels/protect/handed_on.h"

namespace plumb::kernels::protect {

std::string why_not_fused(const attention::Problem& problem) {
    if (problem.precision == attention::Precision::highest) return {};
    return "precision " + std::string(attention::name(problem.precision)) + " has no protected kernel, only highest has";
}

Report run_fused(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE) {
    attention::require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    return protected_attention(problem, protection, out_BNHE.data(), contiguous(problem));
}

Report run_handed_on(const attention::Problem& problem, const Protection& protection, std::span<std::byte> out_BNHE) {
    attention::require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    if (protection.level == Level::none) return run_fused(problem, protection, out_BNHE);
    std::vector<float> row_sums(row_count(problem));
    Report report = protected_attention(problem, protection, out_BNHE.data(), contiguous(problem), nullptr, row_sums.data());
    read_rows(problem, out_BNHE, row_sums, report);
    return report;
}

}  // namespace plumb::kernels::protect
