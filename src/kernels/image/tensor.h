// SPDX-License-Identifier: Apache-2.0
// Bytes to what networks read: channel planes of fp32, a byte divided by 255 as torchvision's ToTensor does, then less the mean and divided
// by the deviation as its Normalize does. Each step is one rounding of IEEE arithmetic: the same bits on every instruction set.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/image/image.h"

namespace plumb::kernels::image {

struct Normalisation {
    float mean[channels], deviation[channels];
};
/// What networks trained on ImageNet expect.
constexpr Normalisation imagenet{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};

/// `rgb`: pixels x 3 bytes; `planes`: 3 x pixels, written whole.
void to_tensor(std::span<const std::uint8_t> rgb, std::span<float> planes, const std::optional<Normalisation>& normalisation = {});

}  // namespace plumb::kernels::image
