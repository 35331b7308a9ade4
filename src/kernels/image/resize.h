// SPDX-License-Identifier: Apache-2.0
// Bilinear with antialiasing on bytes, byte for byte as Pillow resizes: weights of a triangle as wide as the step between outputs, to 22
// bits, across first, then down, rounded to bytes between. A pass that keeps its size does nothing. Sums of integers: the same bits on
// every instruction set. Any part of the output can be had alone, from the part of the input that it needs. As Pillow 13 does, the pass
// down comes first where the height loses more than twice the pixels that the width loses (python-pillow/Pillow pull request 9549); Pillow
// before that always went across first, and may differ there by a level.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/image/image.h"

namespace plumb::kernels::image {

/// Weights of outputs [from, from + outputs) along one axis: output i sums inputs [first[i], first[i] + taps[i]) by weights[i * stride
/// ...].
struct AxisWeights {
    std::int64_t in = 0, out = 0, from = 0;
    std::size_t stride = 0;
    std::vector<std::int32_t> first, taps;
    std::vector<std::int32_t> weights;  ///< in units of 2^-22

    bool keeps() const { return in == out; }
    std::int64_t first_input() const { return keeps() ? from : first.front(); }
    std::int64_t end_input() const;
};
AxisWeights bilinear_weights(std::int64_t in, std::int64_t out, std::int64_t from, std::int64_t outputs);

/// Memory that a resize needs; kept by the caller, so that the next one takes none.
struct ResizeMemory {
    std::vector<std::uint8_t> between;  ///< the passes
    std::vector<std::uint8_t> turned_in, turned_out;
};

/// A resize of images of one size to another, of which `region` is wanted.
class Resize {
  public:
    /// Sizes at least 1 x 1; `region` lies within `out`.
    Resize(Size in, Size out, Region region);
    /// What of the input is read.
    Region source() const;
    /// `source` holds the input's `held`, which covers source(). `out` becomes the region.
    void run(const Image& source, const Region& held, ResizeMemory& memory, Image& out) const;

  private:
    Region region_;
    bool down_first_;
    AxisWeights across_, down_;
};

/// The whole output.
Image resized(const Image& image, Size out);

}  // namespace plumb::kernels::image
