// SPDX-License-Identifier: Apache-2.0
#include "kernels/image_files.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <jpeglib.h>
#include <png.h>

#include "base/random.h"

namespace plumb::test {

using kernels::image::Image;

namespace {

void append(png_structp codec, png_bytep bytes, std::size_t count) {
    auto& file = *static_cast<File*>(png_get_io_ptr(codec));
    file.insert(file.end(), bytes, bytes + count);
}

void append_marker(jpeg_compress_struct& codec, const std::vector<std::uint8_t>& exif) {
    std::vector<std::uint8_t> content = {'E', 'x', 'i', 'f', 0, 0};
    content.insert(content.end(), exif.begin(), exif.end());
    jpeg_write_marker(&codec, JPEG_APP0 + 1, content.data(), static_cast<unsigned>(content.size()));
}

}  // namespace

Image formula_image(std::int64_t width, std::int64_t height) {
    Image image;
    image.reshape({width, height});
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t c = 0; c < 3; ++c)
                image.row(y)[3 * x + c] = static_cast<std::uint8_t>(((3 * x * x + 5 * y * y + 7 * x * y + 89 * c) >> 3) & 255);
        }
    }
    return image;
}

Image waves(std::int64_t width, std::int64_t height, std::uint64_t seed) {
    const base::RandomStream random(seed, "waves");
    const double across = random.uniform(0, 3, 30), down = random.uniform(1, 3, 30);
    Image image;
    image.reshape({width, height});
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
        const auto x = static_cast<double>(i / 3 % static_cast<std::size_t>(width)), y = static_cast<double>(i / image.row_bytes());
        const double value =
            128 + 80 * std::sin(x / across + static_cast<double>(i % 3)) + 60 * std::cos(y / down) + random.uniform(2 + i, -20, 20);
        image.pixels[i] = static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, value)));
    }
    return image;
}

File jpeg_file(const std::vector<std::uint8_t>& samples, std::int64_t width, std::int64_t height, const JpegForm& form) {
    jpeg_compress_struct codec{};
    jpeg_error_mgr errors;
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    unsigned char* out = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&codec, &out, &size);
    codec.image_width = static_cast<JDIMENSION>(width);
    codec.image_height = static_cast<JDIMENSION>(height);
    codec.input_components = form.components;
    codec.in_color_space = form.components == 1 ? JCS_GRAYSCALE : form.components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&codec);
    if (form.with_ycck) jpeg_set_colorspace(&codec, JCS_YCCK);
    jpeg_set_quality(&codec, 85, TRUE);
    codec.comp_info[0].h_samp_factor = form.components == 3 ? form.across : 1;
    codec.comp_info[0].v_samp_factor = form.components == 3 ? form.down : 1;
    for (int c = 1; c < form.components; ++c) codec.comp_info[c].h_samp_factor = codec.comp_info[c].v_samp_factor = 1;
    if (form.progressive) jpeg_simple_progression(&codec);
    codec.restart_interval = form.restart_interval;
    jpeg_start_compress(&codec, TRUE);
    if (!form.exif.empty()) append_marker(codec, form.exif);
    std::vector<std::uint8_t> copied = samples;
    const std::size_t row_bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(form.components);
    while (codec.next_scanline < codec.image_height) {
        JSAMPROW row = copied.data() + codec.next_scanline * row_bytes;
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    const File file(out, out + size);
    jpeg_destroy_compress(&codec);
    std::free(out);
    return file;
}

File jpeg_file(const Image& image, const JpegForm& form) {
    return jpeg_file(image.pixels, image.size.width, image.size.height, form);
}

File png_file(const std::vector<std::uint8_t>& rows, std::int64_t width, std::int64_t height, const PngForm& form) {
    File file;
    png_structp codec = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(codec);
    png_set_write_fn(codec, &file, append, nullptr);
    png_set_IHDR(codec, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), form.depth, form.colour_type,
                 form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!form.palette.empty()) {
        std::vector<png_color> entries;
        for (std::size_t i = 0; i + 2 < form.palette.size(); i += 3)
            entries.push_back({form.palette[i], form.palette[i + 1], form.palette[i + 2]});
        png_set_PLTE(codec, info, entries.data(), static_cast<int>(entries.size()));
    }
    std::vector<std::uint8_t> exif = form.exif;
    if (!exif.empty()) png_set_eXIf_1(codec, info, static_cast<png_uint_32>(exif.size()), exif.data());
    std::vector<std::uint8_t> copied = rows;
    std::vector<png_bytep> places;
    for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
        places.push_back(copied.data() + y * (copied.size() / static_cast<std::size_t>(height)));
    png_set_check_for_invalid_index(codec, 0);  // readers must bear them
    png_write_info(codec, info);
    png_write_image(codec, places.data());
    png_write_end(codec, info);
    png_destroy_write_struct(&codec, &info);
    return file;
}

File png_head(std::uint32_t width, std::uint32_t height) {
    File chunk = {'I', 'H', 'D', 'R'};
    for (const std::uint32_t side : {width, height}) {
        for (int shift = 24; shift >= 0; shift -= 8) chunk.push_back(static_cast<std::uint8_t>(side >> shift));
    }
    chunk.insert(chunk.end(), {8, 2, 0, 0, 0});
    std::uint32_t crc = 0xffffffff;
    for (const std::uint8_t byte : chunk) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? crc >> 1U ^ 0xedb88320U : crc >> 1U;
    }
    File file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13};
    file.insert(file.end(), chunk.begin(), chunk.end());
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<std::uint8_t>(~crc >> shift));
    file.insert(file.end(), {0, 0, 1, 0, 'I', 'D', 'A', 'T'});
    return file;
}

std::vector<std::uint8_t> exif_block(std::uint8_t orientation, bool big_endian) {
    if (big_endian) return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
    return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
}

}  // namespace plumb::test
