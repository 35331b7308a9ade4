// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/tensor.h"

namespace plumb::kernels::image {

namespace {

/// A byte has 256 values: each is worked out once an image.
struct Values {
    float of[channels][256];

    explicit Values(const std::optional<Normalisation>& normalisation) {
        for (std::size_t c = 0; c < channels; ++c) {
            for (int byte = 0; byte < 256; ++byte) {
                float value = static_cast<float>(byte) / 255.0F;
                if (normalisation) value = (value - normalisation->mean[c]) / normalisation->deviation[c];
                of[c][byte] = value;
            }
        }
    }
};

}  // namespace

void to_tensor(std::span<const std::uint8_t> rgb, std::span<float> planes, const std::optional<Normalisation>& normalisation) {
    const Values values(normalisation);
    const std::size_t pixels = rgb.size() / channels;
    const std::uint8_t* pixel = rgb.data();
    float* red = planes.data();
    float* green = red + pixels;
    float* blue = green + pixels;
    for (std::size_t i = 0; i < pixels; ++i, pixel += channels) {
        red[i] = values.of[0][pixel[0]];
        green[i] = values.of[1][pixel[1]];
        blue[i] = values.of[2][pixel[2]];
    }
}

}  // namespace plumb::kernels::image
