// SPDX-License-Identifier: Apache-2.0
// The weight of an output layer, laid out for the products of the fused loss: packed once, used by all of them.
//
// Legend: V vocabulary, E features.
#pragma once
#include <cstdint>

#include "base/dtype.h"
#include "kernels/isa.h"
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

/// A copy of the weight in fp32 (16-bit types are widened, which is exact). It does not follow the original: after a change, pack again.
/// Laid out for the instruction set that is current when it is made, which is then the one that computes with it.
class PackedWeight {
  public:
    /// Copies, on `threads` threads. Throws Error{usage} for an empty or too large matrix and for threads < 1.
    PackedWeight(const WeightView& weight_VE, int threads);
    /// Copies again, in the same memory; sizes must be those of the construction.
    void pack(const WeightView& weight_VE, int threads);

    std::int64_t vocabulary() const { return vocabulary_; }
    std::int64_t features() const { return features_; }
    Isa isa() const { return isa_; }
    /// Memory held: V and E rounded up to the squares of the layout (4 or 8 numbers), 4 bytes each.
    std::int64_t bytes() const;
    std::int64_t blocks() const;
    WeightBlock block(std::int64_t index) const;

  private:
    Isa isa_;
    std::int64_t vocabulary_;
    std::int64_t features_;
    Buffer data_;
};

}  // namespace plumb::kernels::loss
