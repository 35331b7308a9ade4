// SPDX-License-Identifier: Apache-2.0
// From a file to a square crop, as torchvision's Resize(short_side) and CenterCrop(crop) on Pillow images, byte for byte: the long side is
// cut to whole pixels, a crop's corner is rounded half to even, and what lies outside a smaller image is black. Only what the crop shows is
// transformed and resized, which changes no byte of it.
// To change what a crop holds: count `version` up, so that crops kept on disk are made anew.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "kernels/image/decode.h"
#include "kernels/image/resize.h"

namespace plumb::kernels::image {

/// What of the stored image counts as the image: two halves of one are two views.
enum class Section { whole, left, right, top, bottom };
/// Throws usage with the nearest name.
Section section_named(std::string_view word);
std::string_view name(Section section);
/// An odd column or row in the middle belongs to the left or upper half.
Region region_of(Section section, Size whole);

struct Pipeline {
    static constexpr int version = 1;
    std::int64_t short_side = 256;  ///< 0: straight to crop x crop, whatever the shape
    std::int64_t crop = 224;
    Section section = Section::whole;
    DecodeOptions decode;

    std::size_t crop_bytes() const { return static_cast<std::size_t>(crop * crop) * channels; }
    /// Of all that a crop's bytes depend on beside the file.
    std::string identity() const;
};

/// Size after Resize(short_side).
Size resized_size(Size in, std::int64_t short_side);

/// Crops one file after the other; keeps its memory.
class Cropper {
  public:
    explicit Cropper(const Pipeline& pipeline) : pipeline_(pipeline) {}
    /// `out`: crop x crop x 3 bytes. Throws what decode() does.
    void crop(std::span<const std::uint8_t> file, const std::string& name, std::span<std::uint8_t> out);

  private:
    Pipeline pipeline_;
    Part part_;
    ResizeMemory memory_;
    Image resized_;
};

}  // namespace plumb::kernels::image
