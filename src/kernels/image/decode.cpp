// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/decode.h"

#include <algorithm>
#include <array>

#include "kernels/image/reader.h"

namespace plumb::kernels::image {

namespace {

template <std::size_t count>
bool begins_with(std::span<const std::uint8_t> bytes, const std::array<std::uint8_t, count>& magic) {
    return bytes.size() >= count && std::equal(magic.begin(), magic.end(), bytes.begin());
}

std::string first_bytes(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(4, bytes.size()))) {
        text += text.empty() ? "" : " ";
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

void read(const Input& input, const Wanted& wanted, Part& part, int& orientation) {
    constexpr std::array<std::uint8_t, 3> jpeg = {0xff, 0xd8, 0xff};
    constexpr std::array<std::uint8_t, 8> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (input.bytes.empty()) damaged(input, "the file is empty");
    if (begins_with(input.bytes, jpeg)) return read_jpeg(input, wanted, part, orientation);
    if (begins_with(input.bytes, png)) return read_png(input, wanted, part, orientation);
    throw base::Error(base::ErrorKind::unsupported, input.name + ": neither JPEG nor PNG, it begins with " + first_bytes(input.bytes),
                      "convert it to JPEG or PNG, or leave it out");
}

Region everything(Size whole) {
    return {0, 0, whole.width, whole.height};
}

}  // namespace

void decode_part(std::span<const std::uint8_t> file, const std::string& name, const Wanted& wanted, Part& part,
                 const DecodeOptions& options) {
    const Input input{file, name, options};
    int orientation = 1;
    if (!options.exif_orientation) return read(input, wanted, part, orientation);
    // What is wanted depends on how the image is turned, which is known only when it was read.
    read(input, everything, part, orientation);
    part.image = oriented(part.image, orientation);
    part.whole = part.image.size;
    part.region = everything(part.whole);
}

Image decode(std::span<const std::uint8_t> file, const std::string& name, const DecodeOptions& options) {
    Part part;
    decode_part(file, name, everything, part, options);
    return std::move(part.image);
}

}  // namespace plumb::kernels::image
