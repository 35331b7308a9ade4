// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/fused_schemes.h"
#include "kernels/protect/handed_on.h"

namespace plumb::kernels::protect {

Report inject_fused(const attention::Problem& problem, const Protection& protection, const Fault& fault, std::span<std::byte> out_BNHE) {
    attention::require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    return inject(problem, protection, fault, out_BNHE.data(), contiguous(problem));
}

Report inject_handed_on(const attention::Problem& problem, const Protection& protection, const Fault& fault,
                        std::span<std::byte> out_BNHE) {
    if (protection.level == Level::none) return inject_fused(problem, protection, fault, out_BNHE);
    attention::require_output_size(problem.shape, out_BNHE.size() / base::size_of(problem.dtype));
    std::vector<float> row_sums(row_count(problem));
    Report report = inject(problem, protection, fault, out_BNHE.data(), contiguous(problem), nullptr, row_sums.data());
    read_rows(problem, out_BNHE, row_sums, report);
    return report;
}

}  // namespace plumb::kernels::protect
