// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "kernels/isa.h"
#include "kernels/loss/amx.h"
#include "kernels/loss/blocks.h"

namespace plumb::kernels::loss {
namespace {

using base::Error;
using base::ErrorKind;

/// So that no index and no size in bytes leaves 63 bits.
constexpr std::int64_t most_numbers = std::int64_t{1} << 55;

void require_fits(const WeightView& weight, int threads) {
    const std::string sizes = std::to_string(weight.vocabulary) + " x " + std::to_string(weight.features);
    if (weight.vocabulary < 1 || weight.features < 1)
        throw Error(ErrorKind::usage, "fused loss: the weight is " + sizes, "give at least one row and one column");
    if (weight.vocabulary > most_numbers / weight.features)
        throw Error(ErrorKind::usage, "fused loss: a weight of " + sizes + " is too large", "give at most 2^55 numbers");
    if (weight.data == nullptr) throw Error(ErrorKind::usage, "fused loss: the weight is null", "give V x E numbers");
    if (threads < 1) throw Error(ErrorKind::usage, "fused loss: threads is " + std::to_string(threads), "give at least 1");
}

/// The rows of a block in fp32, rounded up with zeros.
void widen(const WeightView& weight, const WeightBlock& block, float* wide_VE) {
    for (std::int64_t v = 0; v < block.padded; ++v, wide_VE += block.padded_features) {
        const std::int64_t existing = v < block.count ? weight.features : 0;
        const std::int64_t at = (block.first + v) * weight.row_stride;
        if (existing > 0 && weight.dtype == base::Dtype::fp32) {
            std::memcpy(wide_VE, static_cast<const float*>(weight.data) + at, static_cast<std::size_t>(existing) * sizeof(float));
        } else {
            for (std::int64_t e = 0; e < existing; ++e) wide_VE[e] = base::load(weight.dtype, weight.data, at + e);
        }
        std::fill(wide_VE + existing, wide_VE + block.padded_features, 0.0F);
    }
}

const LossKernel& choose_kernel(Precision precision) {
    if (const std::string reason = precision_reason(precision); !reason.empty())
        throw Error(ErrorKind::unsupported, reason, "leave precision at highest");
    return precision == Precision::highest ? loss_kernel(current_isa()) : amx_kernel(precision);
}

}  // namespace

PackedWeight::PackedWeight(const WeightView& weight_VE, int threads, Precision precision)
    : kernel_(choose_kernel(precision)), precision_(precision), vocabulary_(weight_VE.vocabulary), features_(weight_VE.features) {
    require_fits(weight_VE, threads);
    data_ = make_buffer(bytes() / static_cast<std::int64_t>(sizeof(float)));
    pack(weight_VE, threads);
}

void PackedWeight::pack(const WeightView& weight_VE, int threads) {
    require_fits(weight_VE, threads);
    if (weight_VE.vocabulary != vocabulary_ || weight_VE.features != features_) {
        throw Error(ErrorKind::usage,
                    "fused loss: a weight of " + std::to_string(weight_VE.vocabulary) + " x " + std::to_string(weight_VE.features) +
                        " in the place of one of " + std::to_string(vocabulary_) + " x " + std::to_string(features_),
                    "make another PackedWeight");
    }
    const int sharers = static_cast<int>(std::min<std::int64_t>(threads, blocks()));
    const std::int64_t wide_floats = kernel_.geometry.block * round_up(features_, kernel_.geometry.feature_unit);
    const Buffer wide_VE = make_buffer(sharers * wide_floats);  // nothing may be thrown inside the parallel region
#pragma omp parallel for num_threads(sharers) schedule(static, 1)
    for (int t = 0; t < sharers; ++t) {
        for (std::int64_t b = blocks() * t / sharers; b < blocks() * (t + 1) / sharers; ++b) {
            const WeightBlock target = block(b);
            widen(weight_VE, target, wide_VE.get() + t * wide_floats);
            kernel_.pack_weight(wide_VE.get() + t * wide_floats, target, data_.get() + (target.data - data_.get()));
        }
    }
}

std::int64_t PackedWeight::bytes() const {
    const Geometry& geometry = kernel_.geometry;
    return round_up(vocabulary_, geometry.entry_unit) * round_up(features_, geometry.feature_unit) * geometry.weight_bytes;
}

std::int64_t PackedWeight::blocks() const {
    return divide_up(vocabulary_, kernel_.geometry.block);
}

WeightBlock PackedWeight::block(std::int64_t index) const {
    const Geometry& geometry = kernel_.geometry;
    const std::int64_t first = index * geometry.block;
    const std::int64_t count = std::min(geometry.block, vocabulary_ - first);
    const std::int64_t padded_features = round_up(features_, geometry.feature_unit);
    return {.data = data_.get() + first * padded_features * geometry.weight_bytes / float_bytes,
            .first = first,
            .count = count,
            .padded = round_up(count, geometry.entry_unit),
            .padded_features = padded_features};
}

}  // namespace plumb::kernels::loss
