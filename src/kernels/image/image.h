// SPDX-License-Identifier: Apache-2.0
// What the image kernels hand on: 8-bit RGB, rows from the top, three bytes a pixel, nothing between rows; and how files become it.
// The whole way from a file to a crop is pipeline.h; decode.h reads JPEG and PNG, resize.h is Pillow's bilinear.
#pragma once
#include <cstdint>
#include <vector>

namespace plumb::kernels::image {

constexpr std::size_t channels = 3;

struct Size {
    std::int64_t width = 0, height = 0;
    bool operator==(const Size&) const = default;
};

/// Columns [left, left + width) of rows [top, top + height).
struct Region {
    std::int64_t left = 0, top = 0, width = 0, height = 0;
    bool operator==(const Region&) const = default;
};

struct Image {
    Size size;
    std::vector<std::uint8_t> pixels;  ///< height x width x 3

    std::size_t row_bytes() const { return static_cast<std::size_t>(size.width) * channels; }
    const std::uint8_t* row(std::int64_t y) const { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    std::uint8_t* row(std::int64_t y) { return pixels.data() + static_cast<std::size_t>(y) * row_bytes(); }
    /// Makes room for that size; what the pixels are is left open.
    void reshape(Size wanted) {
        size = wanted;
        pixels.resize(static_cast<std::size_t>(wanted.height) * row_bytes());
    }
    bool operator==(const Image&) const = default;
};

}  // namespace plumb::kernels::image
