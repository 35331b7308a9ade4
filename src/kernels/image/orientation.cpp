// SPDX-License-Identifier: Apache-2.0
// EXIF is a TIFF file: byte order, offset of the first directory, twelve bytes an entry (TIFF 6.0, section 2; Exif 2.32, 4.6.5).
#include <cstring>

#include "kernels/image/decode.h"

namespace plumb::kernels::image {

namespace {

constexpr std::uint32_t orientation_tag = 0x0112;
constexpr std::uint32_t short_type = 3;

class Tiff {
  public:
    explicit Tiff(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        big_ = bytes.size() >= 2 && bytes[0] == 'M' && bytes[1] == 'M';
        sound_ = bytes.size() >= 8 && (big_ || (bytes[0] == 'I' && bytes[1] == 'I'));
    }
    bool sound() const { return sound_; }
    bool holds(std::size_t at, std::size_t count) const { return at <= bytes_.size() && count <= bytes_.size() - at; }
    std::uint32_t number(std::size_t at, std::size_t count) const {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < count; ++i) value = value << 8U | bytes_[at + (big_ ? i : count - 1 - i)];
        return value;
    }

  private:
    std::span<const std::uint8_t> bytes_;
    bool big_ = false, sound_ = false;
};

struct Place {
    std::int64_t x, y;
};

/// Where pixel (x, y) of the turned image comes from in the stored one.
Place source_of(int orientation, std::int64_t x, std::int64_t y, Size stored) {
    const std::int64_t right = stored.width - 1, bottom = stored.height - 1;
    switch (orientation) {
        case 2:
            return {right - x, y};
        case 3:
            return {right - x, bottom - y};
        case 4:
            return {x, bottom - y};
        case 5:
            return {y, x};
        case 6:
            return {y, bottom - x};
        case 7:
            return {right - y, bottom - x};
        case 8:
            return {right - y, x};
        default:
            return {x, y};
    }
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> exif) {
    const Tiff tiff(exif);
    if (!tiff.sound()) return 1;
    const std::size_t directory = tiff.number(4, 4);
    if (!tiff.holds(directory, 2)) return 1;
    const std::size_t entries = tiff.number(directory, 2);
    for (std::size_t entry = 0; entry < entries; ++entry) {
        const std::size_t at = directory + 2 + entry * 12;
        if (!tiff.holds(at, 12)) return 1;
        if (tiff.number(at, 2) != orientation_tag) continue;
        const std::uint32_t value = tiff.number(at + 8, 2);
        return tiff.number(at + 2, 2) == short_type && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

Image oriented(const Image& image, int orientation) {
    if (orientation < 2 || orientation > 8) return image;
    Image turned;
    turned.reshape(orientation >= 5 ? Size{image.size.height, image.size.width} : image.size);
    for (std::int64_t y = 0; y < turned.size.height; ++y) {
        std::uint8_t* out = turned.row(y);
        for (std::int64_t x = 0; x < turned.size.width; ++x, out += channels) {
            const Place from = source_of(orientation, x, y, image.size);
            std::memcpy(out, image.row(from.y) + static_cast<std::size_t>(from.x) * channels, channels);
        }
    }
    return turned;
}

}  // namespace plumb::kernels::image
