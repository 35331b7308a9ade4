// SPDX-License-Identifier: Apache-2.0
// The weight of an output layer, laid out for the products of the fused loss: packed once, used by all of them.
//
// Legend: V vocabulary, E features.
#pragma once
#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "kernels/attention/attention.h"
#include "kernels/loss/layout.h"

namespace plumb::kernels::loss {

/// V x E numbers where they lie: row v starts `row_stride` numbers after row v - 1, columns are adjacent.
struct WeightView {
    const void* data = nullptr;
    std::int64_t vocabulary = 0;
    std::int64_t features = 0;
    std::int64_t row_stride = 0;
    base::Dtype dtype = base::Dtype::fp32;
};

struct LossKernel;
using attention::Precision;

/// Why the fused loss cannot do this precision on the instruction set in use; empty where it can, and for highest.
std::string precision_reason(Precision precision);

/// A copy of the weight, in fp32 (16-bit types are widened, which is exact) or, in the precisions medium and high, twice as one or two
/// bf16. It does not follow the original: after a change, pack again. Laid out for the instruction set that is current when it is made,
/// which is then the one that computes with it, in this precision.
class PackedWeight {
  public:
    /// Copies, on `threads` threads. Throws Error{usage} for an empty or too large matrix and for threads < 1, Error{unsupported} with
    /// precision_reason().
    PackedWeight(const WeightView& weight_VE, int threads, Precision precision = Precision::highest);
    /// Copies again, in the same memory; sizes must be those of the construction.
    void pack(const WeightView& weight_VE, int threads);

    std::int64_t vocabulary() const { return vocabulary_; }
    std::int64_t features() const { return features_; }
    Precision precision() const { return precision_; }
    /// Memory held: V and E rounded up (to 4, 8 or 32), 4 bytes a number, 8 in precision high.
    std::int64_t bytes() const;
    /// What computes with it, and the layout that it asks for (blocks.h).
    const LossKernel& kernel() const { return kernel_; }
    std::int64_t blocks() const;
    WeightBlock block(std::int64_t index) const;

  private:
    const LossKernel& kernel_;
    Precision precision_;
    std::int64_t vocabulary_;
    std::int64_t features_;
    Buffer data_;
};

}  // namespace plumb::kernels::loss
