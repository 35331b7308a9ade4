// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/pipeline.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace plumb::kernels::image {

namespace {

constexpr std::array<std::string_view, 5> section_names = {"whole", "left", "right", "top", "bottom"};

/// Half of a number that is not negative, rounded half to even.
std::int64_t rounded_half(std::int64_t number) {
    const std::int64_t half = number / 2;
    return half + (number % 2 == 1 && half % 2 == 1 ? 1 : 0);
}

/// Of one axis: what the crop shows of the image, and where in the crop that begins.
struct Span {
    std::int64_t from, count, at;
};
Span shown(std::int64_t image, std::int64_t crop) {
    if (image >= crop) return {rounded_half(image - crop), crop, 0};
    // Padded to the crop's size first, the smaller part before it.
    return {0, image, (crop - image) / 2};
}

/// How one image becomes its crop.
struct Way {
    Region section;  ///< of the stored image
    Size resized;
    Span across, down;

    Way(const Pipeline& pipeline, Size whole) : section(region_of(pipeline.section, whole)) {
        const Size own{section.width, section.height};
        resized = pipeline.short_side == 0 ? Size{pipeline.crop, pipeline.crop} : resized_size(own, pipeline.short_side);
        across = shown(resized.width, pipeline.crop);
        down = shown(resized.height, pipeline.crop);
    }
    Resize resize() const { return {{section.width, section.height}, resized, {across.from, down.from, across.count, down.count}}; }
};

void paste(const Image& image, std::int64_t left, std::int64_t top, std::int64_t crop, std::span<std::uint8_t> out) {
    if (image.size.width != crop || image.size.height != crop) std::fill(out.begin(), out.end(), std::uint8_t{0});
    for (std::int64_t y = 0; y < image.size.height; ++y) {
        const auto at = static_cast<std::size_t>((top + y) * crop + left) * channels;
        std::memcpy(out.data() + at, image.row(y), image.row_bytes());
    }
}

}  // namespace

Section section_named(std::string_view word) {
    const auto at = std::ranges::find(section_names, word);
    if (at != section_names.end()) return static_cast<Section>(at - section_names.begin());
    throw base::Error(base::ErrorKind::usage, "'" + std::string(word) + "' is no part of an image",
                      base::suggest(word, std::vector<std::string>(section_names.begin(), section_names.end())));
}

std::string_view name(Section section) {
    return section_names.at(static_cast<std::size_t>(section));
}

Region region_of(Section section, Size whole) {
    const std::int64_t middle_column = (whole.width + 1) / 2, middle_row = (whole.height + 1) / 2;
    Region region{0, 0, whole.width, whole.height};
    if (section == Section::left) region.width = middle_column;
    if (section == Section::right) region.left = std::min(middle_column, whole.width - 1);
    if (section == Section::top) region.height = middle_row;
    if (section == Section::bottom) region.top = std::min(middle_row, whole.height - 1);
    region.width = std::min(region.width, whole.width - region.left);
    region.height = std::min(region.height, whole.height - region.top);
    return region;
}

Size resized_size(Size in, std::int64_t short_side) {
    const auto [shorter, longer] = std::minmax(in.width, in.height);
    const std::int64_t long_side = std::max<std::int64_t>(1, short_side * longer / shorter);
    return in.width <= in.height ? Size{short_side, long_side} : Size{long_side, short_side};
}

std::string Pipeline::identity() const {
    return "crops " + std::to_string(version) + " short " + std::to_string(short_side) + " crop " + std::to_string(crop) + " " +
           std::string(name(section)) + (decode.exif_orientation ? " oriented" : "");
}

void Cropper::crop(std::span<const std::uint8_t> file, const std::string& name, std::span<std::uint8_t> out) {
    const auto wanted = [this](Size whole) {
        const Way way(pipeline_, whole);
        Region region = way.resize().source();
        region.left += way.section.left;
        region.top += way.section.top;
        return region;
    };
    decode_part(file, name, wanted, part_, pipeline_.decode);
    const Way way(pipeline_, part_.whole);
    Region held = part_.region;
    held.left -= way.section.left;
    held.top -= way.section.top;
    way.resize().run(part_.image, held, memory_, resized_);
    paste(resized_, way.across.at, way.down.at, pipeline_.crop, out);
}

}  // namespace plumb::kernels::image
