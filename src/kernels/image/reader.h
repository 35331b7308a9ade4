// SPDX-License-Identifier: Apache-2.0
// The readers behind decode.h, one a format. Each throws what decode.h says.
#pragma once
#include "base/error.h"
#include "kernels/image/decode.h"

namespace plumb::kernels::image {

struct Input {
    std::span<const std::uint8_t> bytes;
    const std::string& name;
    const DecodeOptions& options;
};

/// Both set `orientation` to that of the file's EXIF block where options ask for it, to 1 otherwise.
void read_jpeg(const Input& input, const Wanted& wanted, Part& part, int& orientation);
void read_png(const Input& input, const Wanted& wanted, Part& part, int& orientation);

[[noreturn]] inline void damaged(const Input& input, const std::string& what) {
    throw base::Error(base::ErrorKind::failed, input.name + ": " + what, "replace the file, or leave it out");
}

/// Throws unsupported where the size is beyond options.most_pixels.
inline void require_size(const Input& input, Size size) {
    if (size.width <= 0 || size.height <= 0)
        damaged(input, "a size of " + std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels");
    if (size.width <= input.options.most_pixels / size.height) return;
    throw base::Error(base::ErrorKind::unsupported,
                      input.name + ": " + std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels, more than the " +
                          std::to_string(input.options.most_pixels) + " that are read",
                      "scale the image down, or leave it out");
}

}  // namespace plumb::kernels::image
