// SPDX-License-Identifier: Apache-2.0
// Images for tests: made from a formula or a seed, and written as JPEG and PNG files of any form that the readers must know.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/image/image.h"

namespace plumb::test {

using File = std::vector<std::uint8_t>;

/// v(x, y, c) = ((3 x^2 + 5 y^2 + 7 x y + 89 c) >> 3) & 255, as in the digests of golden/pixel_parity.csv.
kernels::image::Image formula_image(std::int64_t width, std::int64_t height);
/// Waves with noise: edges and flat parts, no block like the next.
kernels::image::Image waves(std::int64_t width, std::int64_t height, std::uint64_t seed);

struct JpegForm {
    int components = 3;        ///< 1 grey, 3 YCbCr, 4 CMYK with the inks as given
    int across = 2, down = 2;  ///< sampling of the first component against the others
    bool progressive = false;
    bool with_ycck = false;          ///< 4 components: YCCK instead of CMYK
    unsigned restart_interval = 0;   ///< blocks between restart markers; 0: none
    std::vector<std::uint8_t> exif;  ///< from the byte order on; empty: none
};
/// `samples`: height x width x components bytes.
File jpeg_file(const std::vector<std::uint8_t>& samples, std::int64_t width, std::int64_t height, const JpegForm& form = {});
File jpeg_file(const kernels::image::Image& image, const JpegForm& form = {});

struct PngForm {
    int colour_type = 2, depth = 8;  ///< as PNG numbers them
    bool interlaced = false;
    std::vector<std::uint8_t> palette;  ///< three bytes an entry
    std::vector<std::uint8_t> exif;
};
/// `rows`: height times the bytes of a row, as PNG has them.
File png_file(const std::vector<std::uint8_t>& rows, std::int64_t width, std::int64_t height, const PngForm& form = {});
/// A header that claims this size, and no pixels behind it.
File png_head(std::uint32_t width, std::uint32_t height);

/// An EXIF block with this orientation.
std::vector<std::uint8_t> exif_block(std::uint8_t orientation, bool big_endian);

}  // namespace plumb::test
