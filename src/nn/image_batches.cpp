// SPDX-License-Identifier: Apache-2.0
#include "nn/image_batches.h"

#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/random.h"
#include "kernels/image/tensor.h"

namespace plumb::nn {

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t count) {
    const base::RandomStream random(seed, "image order " + std::to_string(epoch));
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[random.below(left, left)]);
    return order;
}

std::vector<BatchRange> batches_of(std::int64_t count, std::int64_t batch) {
    std::vector<BatchRange> ranges;
    for (std::int64_t begin = 0; begin < count; begin += batch) {
        const std::int64_t end = begin + batch + 1 >= count ? count : begin + batch;
        ranges.push_back({begin, end});
        if (end == count) break;
    }
    return ranges;
}

ByteTable::ByteTable(bool imagenet) {
    using namespace kernels::image;
    std::array<std::uint8_t, 256 * channels> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i / channels);
    std::array<float, 256 * channels> planes;
    to_tensor(bytes, planes, imagenet ? std::optional(kernels::image::imagenet) : std::nullopt);
    for (std::size_t byte = 0; byte < 256; ++byte)
        for (std::size_t channel = 0; channel < channels; ++channel) number_[byte][channel] = planes[channel * 256 + byte];
}

void ByteTable::convert(std::span<const std::uint8_t> bytes, std::span<float> out) const {
    for (std::size_t i = 0; i + 2 < bytes.size(); i += 3)
        for (std::size_t channel = 0; channel < 3; ++channel) out[i + channel] = number_[bytes[i + channel]][channel];
}

}  // namespace plumb::nn
