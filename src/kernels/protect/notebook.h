// SPDX-License-Identifier: Apache-2.0
// Three cells of the notebook as they stand, mistakes included, to show what a checked row makes of them. Numbers that its tensors hold in
// their type are rounded to it; a check that it makes counts as one, and its `torch.equal` as an alarm where it is false.
#pragma once
#include <cstddef>
#include <span>

#include "kernels/attention/attention.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

enum class Cell {
    dmr_with_check,  ///< the second softmax is taken of the first one's result, and sums are compared; the output uses it
    abft_gemm_1,     ///< the sum of all scores is compared with that of its checksums by equality
    all_techniques   ///< softmax of softmax again, with checksums that nothing is compared with
};

/// As run_unfused().
Report run_notebook(Cell cell, const attention::Problem& problem, std::span<std::byte> out_BNHE);

}  // namespace plumb::kernels::protect
