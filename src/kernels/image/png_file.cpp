// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/png_file.h"

#include <png.h>

#include <cstring>

#include "base/error.h"

namespace plumb::kernels::image {

std::string png_file(std::span<const std::uint8_t> rgb, Size size) {
    png_image image;
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(size.width);
    image.height = static_cast<png_uint_32>(size.height);
    image.format = PNG_FORMAT_RGB;
    std::string file(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
    png_alloc_size_t bytes = file.size();
    const bool fits = rgb.size() == static_cast<std::size_t>(size.width * size.height) * channels;
    if (!fits || png_image_write_to_memory(&image, file.data(), &bytes, 0, rgb.data(), 0, nullptr) == 0) {
        throw base::Error(base::ErrorKind::failed,
                          "no PNG of " + std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels from " +
                              std::to_string(rgb.size()) + " bytes: " + (fits ? image.message : "a pixel has three"),
                          "give height x width x 3 bytes");
    }
    file.resize(bytes);
    return file;
}

}  // namespace plumb::kernels::image
