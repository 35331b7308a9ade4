// SPDX-License-Identifier: Apache-2.0
// Attention that checks itself while it runs, and repairs what it finds.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/protect/fault.h"
#include "kernels/protect/protection.h"

namespace plumb::kernels::protect {

/// attention::fused() with checks inside; where no fault strikes its outputs have the same bits as fused() on the same instruction set, at
/// every level and for any number of threads. `row_sums_BHN`, unless null, gets the sum of each row of the output as it is stored, for
/// whoever reads the output next (changed_rows()).
///
/// Level correct: a doubted block of scores, or tile of outputs, is computed again from the operands and compared bit by bit. Different
/// bits confirm a fault, and a third run decides. The same bits with the same alarm put the operands under suspicion: packed keys and
/// values are compared with their digests and packed again from the caller's memory. What two runs do not agree on is `unresolved`.
///
/// Rows whose operands are not finite cannot be checked: they are counted as unchecked_rows and raise no alarm. Where finite operands give
/// scores or outputs that are not, the row alarms, and stays unresolved: nobody can tell it from a fault.
/// Errors: as fused(); Error{unsupported} for precision high and medium, whose kernel carries no checks.
Report protected_attention(const attention::Problem& problem, const Protection& protection, void* out,
                           const attention::Strides& out_strides, float* lse_BHN = nullptr, float* row_sums_BHN = nullptr);

/// Rows of an output, counted as B x H x N, whose stored numbers no longer give the sum that was handed on with them, bit by bit. NaN rows
/// match where the sum is NaN too.
std::vector<std::int64_t> changed_rows(const attention::Shape& shape, base::Dtype dtype, const void* out,
                                       const attention::Strides& out_strides, const float* row_sums_BHN);

/// The same with one fault in it, from code of its own: protected_attention() contains nothing of it. protection.level none injects and
/// checks nothing. Slower.
Report inject(const attention::Problem& problem, const Protection& protection, const Fault& fault, void* out,
              const attention::Strides& out_strides, float* lse_BHN = nullptr, float* row_sums_BHN = nullptr);

}  // namespace plumb::kernels::protect
