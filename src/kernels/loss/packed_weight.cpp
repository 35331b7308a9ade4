// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/packed_weight.h"

#include <new>
#include <string>

#include "base/error.h"

namespace plumb::kernels::loss {
namespace {

constexpr std::align_val_t alignment{64};

void require_fits(const WeightView& weight, int threads) {
    using base::Error;
    using base::ErrorKind;
    if (weight.vocabulary < 1 || weight.features < 1) {
        throw Error(ErrorKind::usage,
                    "output layer: weight is " + std::to_string(weight.vocabulary) + " x " + std::to_string(weight.features),
                    "give at least one row and one column");
    }
    if (weight.data == nullptr) throw Error(ErrorKind::usage, "output layer: weight is null", "give V x E numbers");
    if (threads < 1) throw Error(ErrorKind::usage, "output layer: threads is " + std::to_string(threads), "give at least 1");
}

}  // namespace

void PackedWeight::Release::operator()(float* memory) const {
    ::operator delete[](memory, alignment);
}

PackedWeight::PackedWeight(const WeightView& weight_VE, int threads)
    : isa_(current_isa()), vocabulary_(weight_VE.vocabulary), features_(weight_VE.features) {
    require_fits(weight_VE, threads);
    data_.reset(new (alignment) float[static_cast<std::size_t>(bytes()) / sizeof(float)]);
    pack(weight_VE, threads);
}

void PackedWeight::pack(const WeightView& weight_VE, int threads) {
    require_fits(weight_VE, threads);
    for (std::int64_t v = 0; v < vocabulary_; ++v) {
        const void* row = base::advance(weight_VE.dtype, weight_VE.data, v * weight_VE.row_stride);
        for (std::int64_t e = 0; e < features_; ++e) data_[v * features_ + e] = base::load(weight_VE.dtype, row, e);
    }
}

std::int64_t PackedWeight::bytes() const {
    return vocabulary_ * features_ * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace plumb::kernels::loss
