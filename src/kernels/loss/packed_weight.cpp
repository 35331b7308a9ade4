// SPDX-License-Identifier: Apache-2.0
#include "kernels/loss/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
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

/// One row of squares of a block. Source rows are read as they lie: a block of them stays in the cache for the next row of squares.
void pack_squares(const WeightView& weight, const WeightBlock& block, std::int64_t q, const Geometry& geometry, float* target) {
    const std::int64_t first = q * geometry.square;
    const std::int64_t columns = std::min(geometry.square, weight.features - first);
    for (std::int64_t v = 0; v < block.padded(geometry); ++v, target += geometry.square) {
        if (v >= block.count || columns < geometry.square) std::fill_n(target, geometry.square, 0.0F);
        if (v >= block.count) continue;
        const std::int64_t at = (block.first + v) * weight.row_stride + first;
        if (weight.dtype == base::Dtype::fp32) {
            std::memcpy(target, static_cast<const float*>(weight.data) + at, static_cast<std::size_t>(columns) * sizeof(float));
        } else {
            for (std::int64_t e = 0; e < columns; ++e) target[e] = base::load(weight.dtype, weight.data, at + e);
        }
    }
}

}  // namespace

PackedWeight::PackedWeight(const WeightView& weight_VE, int threads)
    : isa_(current_isa()), vocabulary_(weight_VE.vocabulary), features_(weight_VE.features) {
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
    const Geometry& geometry = loss_kernel(isa_).geometry;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::int64_t b = 0; b < blocks(); ++b) {
        const WeightBlock target = block(b);
        for (std::int64_t q = 0; q < target.squares; ++q) {
            const std::int64_t offset = target.data - data_.get() + q * target.padded(geometry) * geometry.square;
            pack_squares(weight_VE, target, q, geometry, data_.get() + offset);
        }
    }
}

std::int64_t PackedWeight::bytes() const {
    const std::int64_t square = loss_kernel(isa_).geometry.square;
    return round_up(vocabulary_, square) * round_up(features_, square) * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t PackedWeight::blocks() const {
    return divide_up(vocabulary_, loss_kernel(isa_).geometry.block);
}

WeightBlock PackedWeight::block(std::int64_t index) const {
    const Geometry& geometry = loss_kernel(isa_).geometry;
    const std::int64_t first = index * geometry.block;
    return {.data = data_.get() + first * round_up(features_, geometry.square),
            .first = first,
            .count = std::min(geometry.block, vocabulary_ - first),
            .squares = divide_up(features_, geometry.square)};
}

}  // namespace plumb::kernels::loss
