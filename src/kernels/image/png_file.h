// SPDX-License-Identifier: Apache-2.0
// RGB to a PNG file: pictures that a run leaves for people to look at. The same bytes for the same pixels, by one version of libpng and
// zlib.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "kernels/image/image.h"

namespace plumb::kernels::image {

/// `rgb`: size.height x size.width x 3 bytes, at least 1 x 1. Throws Error{failed} with libpng's reason.
std::string png_file(std::span<const std::uint8_t> rgb, Size size);

}  // namespace plumb::kernels::image
