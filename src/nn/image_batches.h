// SPDX-License-Identifier: Apache-2.0
// Which samples a batch has, and its bytes as numbers; torch-free.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace plumb::nn {

/// Crops of one size, borrowed: samples x height x width x 3 bytes.
struct ImageSet {
    std::span<const std::uint8_t> pixels;
    std::int64_t height = 0, width = 0;

    std::size_t bytes_each() const { return static_cast<std::size_t>(height * width) * 3; }
    std::int64_t samples() const { return bytes_each() == 0 ? 0 : static_cast<std::int64_t>(pixels.size() / bytes_each()); }
};

/// A permutation of [0, count) by Fisher and Yates: a function of seed, epoch and count.
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t count);

struct BatchRange {
    std::int64_t begin = 0, end = 0;
    std::int64_t size() const { return end - begin; }
    bool operator==(const BatchRange&) const = default;
};
/// Batches of `batch`, the rest in a last one; a rest of one joins the batch before, since a norm has no variance of one sample.
std::vector<BatchRange> batches_of(std::int64_t count, std::int64_t batch);

/// What byte b of channel c becomes: b / 255 as torchvision's ToTensor has it; `imagenet`: then less the mean and by the deviation, as its
/// Normalize with ImageNet's.
class ByteTable {
  public:
    explicit ByteTable(bool imagenet);
    /// Both pixels x 3, channel by channel as they lie.
    void convert(std::span<const std::uint8_t> bytes, std::span<float> out) const;

  private:
    std::array<std::array<float, 3>, 256> number_;
};

}  // namespace plumb::nn
