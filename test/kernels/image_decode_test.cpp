// SPDX-License-Identifier: Apache-2.0
// Every form of JPEG and PNG becomes the RGB that Pillow's convert("RGB") gives; what Pillow 13.0.0 gave for a sample stands in the test.
// Whole photos against Pillow's digests: image_pipeline_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "kernels/image/decode.h"
#include "kernels/image_files.h"

namespace plumb::kernels::image {
namespace {

using test::File;
using test::jpeg_file;
using test::JpegForm;
using test::png_file;
using test::PngForm;
using test::waves;
using testing::ElementsAre;

constexpr std::uint64_t seed = 20261126;

Image read(const File& file, const DecodeOptions& options = {}) {
    return decode(file, "sample", options);
}

double mean_difference(const Image& a, const Image& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
    return sum / static_cast<double>(a.pixels.size());
}

TEST(ImageDecode, ReadsJpegOfEverySampling) {
    const Image image = waves(83, 61, seed);
    for (const auto& [across, down] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}}) {
        for (const bool progressive : {false, true}) {
            JpegForm form;
            form.across = across;
            form.down = down;
            form.progressive = progressive;
            const Image decoded = read(jpeg_file(image, form));
            ASSERT_EQ(decoded.size, image.size);
            // What coarser chroma costs on this noise; a shifted row or swapped channels cost far more than 30.
            EXPECT_LT(mean_difference(decoded, image), 15) << across << " x " << down;
        }
    }
}

TEST(ImageDecode, GivesGreyJpegThreeEqualChannels) {
    const std::vector<std::uint8_t> grey(20 * 10, 77);
    JpegForm form;
    form.components = 1;
    EXPECT_THAT(read(jpeg_file(grey, 20, 10, form)).pixels, testing::Each(77));
}

TEST(ImageDecode, TakesCmykAsInvertedInks) {
    for (const bool ycck : {false, true}) {
        JpegForm form;
        form.components = 4;
        form.with_ycck = ycck;
        std::vector<std::uint8_t> inks;
        for (int i = 0; i < 64; ++i) inks.insert(inks.end(), {200, 100, 40, 180});
        const Image decoded = read(jpeg_file(inks, 8, 8, form));
        // Pillow: 255 - c = 55, 155, 215 of 180 white: 180 - 39, 180 - 109, 180 - 152. Chroma of YCCK rounds by up to two levels.
        const int expected[] = {141, 71, 28};
        for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(decoded.pixels[c], expected[c], ycck ? 2 : 1);
    }
}

/// One row of four pixels in any depth and type, and what becomes of it.
std::vector<std::uint8_t> png_row(int colour_type, int depth, std::vector<std::uint8_t> bytes, std::vector<std::uint8_t> palette = {}) {
    PngForm form;
    form.colour_type = colour_type;
    form.depth = depth;
    form.palette = std::move(palette);
    return read(png_file(bytes, 4, 1, form)).pixels;
}

TEST(ImageDecode, SpreadsShallowGrey) {
    EXPECT_THAT(png_row(0, 1, {0b0101'0000}), ElementsAre(0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255));
    EXPECT_THAT(png_row(0, 2, {0b00'01'10'11}), ElementsAre(0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255));
    EXPECT_THAT(png_row(0, 4, {0x0f, 0x1e}), ElementsAre(0, 0, 0, 255, 255, 255, 17, 17, 17, 238, 238, 238));
}

TEST(ImageDecode, CutsDeepGreyAndKeepsTheHighByteOfDeepColour) {
    EXPECT_THAT(png_row(0, 16, {0, 7, 0, 255, 1, 0, 200, 3}), ElementsAre(7, 7, 7, 255, 255, 255, 255, 255, 255, 255, 255, 255));
    const std::vector<std::uint8_t> deep = {9, 255, 8, 0, 7, 1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8};
    EXPECT_THAT(png_row(2, 16, deep), ElementsAre(9, 8, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8));
}

TEST(ImageDecode, DropsAlpha) {
    EXPECT_THAT(png_row(4, 8, {1, 0, 2, 255, 3, 7, 4, 9}), ElementsAre(1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4));
    EXPECT_THAT(png_row(6, 8, {1, 2, 3, 0, 4, 5, 6, 255, 7, 8, 9, 1, 10, 11, 12, 2}), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    EXPECT_THAT(png_row(4, 16, {1, 9, 0, 0, 2, 9, 0, 0, 3, 9, 0, 0, 4, 9, 0, 0}), ElementsAre(1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4));
}

TEST(ImageDecode, LooksUpPalettes) {
    const std::vector<std::uint8_t> palette = {10, 20, 30, 40, 50, 60, 70, 80, 90};
    EXPECT_THAT(png_row(3, 2, {0b10'01'00'00}, palette), ElementsAre(70, 80, 90, 40, 50, 60, 10, 20, 30, 10, 20, 30));
    EXPECT_THAT(png_row(3, 8, {2, 200, 0, 1}, palette), ElementsAre(70, 80, 90, 0, 0, 0, 10, 20, 30, 40, 50, 60))
        << "an index beyond the palette is black";
}

TEST(ImageDecode, ReadsInterlacedRowsWhereTheyBelong) {
    const base::RandomStream random(seed, "rows");
    for (const auto& [type, depth, bits] : {std::tuple{0, 1, 1}, {0, 16, 16}, {2, 8, 24}, {3, 4, 4}, {6, 16, 64}}) {
        for (const std::int64_t width : {1, 5, 33}) {
            std::vector<std::uint8_t> rows(static_cast<std::size_t>((width * bits + 7) / 8 * 21));
            for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(random.bits(i));
            PngForm form{type, depth, false, {}, {}};
            if (type == 3) form.palette.assign(48, 9);
            for (std::size_t i = 0; i < form.palette.size(); ++i) form.palette[i] = static_cast<std::uint8_t>(5 * i);
            const Image plain = read(png_file(rows, width, 21, form));
            form.interlaced = true;
            EXPECT_EQ(read(png_file(rows, width, 21, form)), plain) << type << ", " << depth << ", " << width;
        }
    }
}

TEST(ImageDecode, TurnsAsExifSaysOnlyIfAsked) {
    // 1 2 3 / 4 5 6, each number a grey.
    std::vector<std::uint8_t> rows;
    for (std::uint8_t grey = 1; grey <= 6; ++grey) rows.insert(rows.end(), 3, grey);
    const std::array<std::vector<int>, 9> seen = {{{},
                                                   {1, 2, 3, 4, 5, 6},
                                                   {3, 2, 1, 6, 5, 4},
                                                   {6, 5, 4, 3, 2, 1},
                                                   {4, 5, 6, 1, 2, 3},
                                                   {1, 4, 2, 5, 3, 6},
                                                   {4, 1, 5, 2, 6, 3},
                                                   {6, 3, 5, 2, 4, 1},
                                                   {3, 6, 2, 5, 1, 4}}};
    DecodeOptions turn;
    turn.exif_orientation = true;
    for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
        PngForm form;
        form.exif = test::exif_block(orientation, orientation % 2 == 0);
        const File file = png_file(rows, 3, 2, form);
        const Image turned = read(file, turn);
        std::vector<int> greys;
        for (std::size_t i = 0; i < turned.pixels.size(); i += 3) greys.push_back(turned.pixels[i]);
        EXPECT_EQ(greys, seen[orientation]) << int{orientation};
        EXPECT_EQ(turned.size.width, orientation < 5 ? 3 : 2);
        EXPECT_EQ(read(file).pixels, rows);
    }
    JpegForm form;
    form.exif = test::exif_block(6, false);
    const File file = jpeg_file(waves(40, 20, seed), form);
    EXPECT_EQ(read(file, turn), oriented(read(file), 6));
}

TEST(ImageDecode, TakesAnyBytesForExif) {
    const base::RandomStream random(seed, "exif");
    const std::vector<std::uint8_t> sound = test::exif_block(6, true);
    EXPECT_EQ(exif_orientation(sound), 6);
    for (std::size_t length = 0; length < 18; ++length) EXPECT_EQ(exif_orientation(std::span(sound).first(length)), 1);
    for (std::uint64_t i = 0; i < 2000; ++i) {
        std::vector<std::uint8_t> changed = sound;
        changed[random.below(2 * i, changed.size())] = static_cast<std::uint8_t>(random.bits(2 * i + 1));
        const int orientation = exif_orientation(changed);
        EXPECT_TRUE(orientation >= 1 && orientation <= 8) << "seed " << seed << ", " << i;
    }
}

TEST(ImageDecode, APartIsThoseBytesOfTheWhole) {
    const base::RandomStream random(seed, "parts");
    std::uint64_t at = 0;
    const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(bound))); };
    Part part;
    for (int trial = 0; trial < 150; ++trial) {
        const Size size{1 + below(200), 1 + below(200)};
        JpegForm form;
        form.components = std::array{1, 3, 3, 3, 4}[static_cast<std::size_t>(below(5))];
        form.across = static_cast<int>(1 + below(2));
        form.down = static_cast<int>(1 + below(2));
        form.progressive = below(5) == 0;
        form.restart_interval = static_cast<unsigned>(below(3) * 5);
        Image samples = waves(size.width * form.components, size.height, seed + static_cast<std::uint64_t>(trial));
        samples.pixels.resize(static_cast<std::size_t>(size.width * size.height * form.components));
        const File file = jpeg_file(samples.pixels, size.width, size.height, form);
        Region wanted{below(size.width), below(size.height), 0, 0};
        wanted.width = 1 + below(size.width - wanted.left);
        wanted.height = 1 + below(size.height - wanted.top);
        const Image whole = read(file);
        decode_part(
            file, "sample",
            [&](Size told) {
                EXPECT_EQ(told, size);
                return wanted;
            },
            part);
        for (std::int64_t y = wanted.top; y < wanted.top + wanted.height; ++y) {
            const std::uint8_t* held = part.image.row(y - part.region.top) + 3 * (wanted.left - part.region.left);
            ASSERT_TRUE(std::equal(held, held + 3 * wanted.width, whole.row(y) + 3 * wanted.left))
                << "seed " << seed << ", trial " << trial << ", row " << y << ", " << size.width << " x " << size.height;
        }
    }
}

}  // namespace
}  // namespace plumb::kernels::image
