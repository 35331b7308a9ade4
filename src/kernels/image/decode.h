// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG to RGB, byte for byte what Pillow's open().convert("RGB") gives: JPEG by libjpeg-turbo with its accurate integer DCT and
// fancy upsampling; alpha is dropped, not blended; 16-bit samples keep their high byte, but 16-bit grey is cut at 255; CMYK is taken as
// Adobe's inverted one. Colour profiles and gamma are ignored. Stricter than Pillow: a JPEG whose entropy-coded data is damaged is an error
// here, where Pillow returns what it could guess; and a PNG must be whole to its last chunk. To add a format: a file beside jpeg.cpp with
// its reader, its magic bytes in decode.cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "kernels/image/image.h"

namespace plumb::kernels::image {

struct DecodeOptions {
    /// Turn and mirror as EXIF's orientation says. Off, as torchvision's loader: the pixels as they are stored.
    bool exif_orientation = false;
    /// More are an error before memory is taken: where Pillow refuses, too.
    std::int64_t most_pixels = 178'956'970;
};

/// Throws Error naming the file: failed where it is empty, cut short or damaged, unsupported where it is neither JPEG nor PNG or has a form
/// or a size that this cannot read.
Image decode(std::span<const std::uint8_t> file, const std::string& name, const DecodeOptions& options = {});

/// Which part of an image of that size is needed.
using Wanted = std::function<Region(Size whole)>;
struct Part {
    Size whole;
    Region region;  ///< that `image` holds: at least what was wanted
    Image image;
};
/// The same bytes as decode(), of a part only: a JPEG's other blocks are read and checked, but not transformed. Reuses the memory of
/// `part`.
void decode_part(std::span<const std::uint8_t> file, const std::string& name, const Wanted& wanted, Part& part,
                 const DecodeOptions& options = {});

/// EXIF's orientation, 1 to 8, of an EXIF block that begins with its byte order; 1 where there is none or it is malformed.
int exif_orientation(std::span<const std::uint8_t> exif);
/// The image as `orientation` says that it is to be seen: 2 mirrored, 3 half a turn, 4 upside down, 5 transposed, 6 a quarter clockwise,
/// 7 transposed along the other diagonal, 8 a quarter anticlockwise; anything else: as it is.
Image oriented(const Image& image, int orientation);

}  // namespace plumb::kernels::image
