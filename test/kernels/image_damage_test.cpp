// SPDX-License-Identifier: Apache-2.0
// Files that are no image, or no whole one: an error that names the file, whatever the bytes; never a crash, a leak or an endless loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "kernels/image/decode.h"
#include "kernels/image_files.h"

namespace plumb::kernels::image {
namespace {

using test::File;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t seed = 20261126;

/// Empty where the file is read.
std::string complaint(std::span<const std::uint8_t> file, base::ErrorKind kind, const DecodeOptions& options = {}) {
    // A block of exactly that size: a sanitizer sees every read beyond it.
    const File exact(file.begin(), file.end());
    try {
        decode(exact, "folder/sample.jpg", options);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        EXPECT_FALSE(error.hint().empty());
        return error.what();
    }
    return {};
}
std::string damage(std::span<const std::uint8_t> file) {
    return complaint(file, base::ErrorKind::failed);
}

std::vector<File> samples() {
    const Image image = test::waves(40, 30, seed);
    test::JpegForm progressive;
    progressive.progressive = true;
    test::PngForm interlaced;
    interlaced.interlaced = true;
    return {test::jpeg_file(image), test::jpeg_file(image, progressive), test::png_file(image.pixels, 40, 30),
            test::png_file(image.pixels, 40, 30, interlaced)};
}

TEST(ImageDamage, NamesAnEmptyFile) {
    EXPECT_EQ(damage({}), "folder/sample.jpg: the file is empty");
}

TEST(ImageDamage, NamesWhatIsNoImage) {
    const File gif = {'G', 'I', 'F', '8', '9', 'a'};
    EXPECT_THAT(complaint(gif, base::ErrorKind::unsupported), AllOf(StartsWith("folder/sample.jpg: "), HasSubstr("47 49 46 38")));
}

TEST(ImageDamage, RefusesEveryShortenedFile) {
    for (const File& file : samples()) {
        ASSERT_EQ(damage(file), "");
        for (std::size_t length = 8; length < file.size(); length += 1 + length / 40)
            EXPECT_THAT(damage(std::span(file).first(length)), StartsWith("folder/sample.jpg: ")) << length << " of " << file.size();
    }
}

TEST(ImageDamage, TellsWhatIsWrongWithAShortFile) {
    const std::vector<File> files = samples();
    EXPECT_THAT(damage(std::span(files[0]).first(files[0].size() - 20)), HasSubstr("damaged JPEG: "));
    EXPECT_THAT(damage(std::span(files[2]).first(files[2].size() - 20)), HasSubstr("damaged PNG: the file ends too early"));
}

TEST(ImageDamage, RefusesHugeImagesBeforeTakingMemory) {
    EXPECT_THAT(complaint(test::png_head(100000, 100000), base::ErrorKind::unsupported),
                AllOf(StartsWith("folder/sample.jpg: 100000 x 100000 pixels"), HasSubstr("178956970")));
    EXPECT_NE(damage(test::png_head(300, 300)), "") << "within the limit, and without pixels";
    DecodeOptions options;
    options.most_pixels = 1199;
    for (const File& file : samples()) EXPECT_THAT(complaint(file, base::ErrorKind::unsupported, options), HasSubstr("40 x 30"));
    options.most_pixels = 1200;
    for (const File& file : samples()) EXPECT_EQ(complaint(file, base::ErrorKind::unsupported, options), "");
}

TEST(ImageDamage, RefusesAHeaderWithoutSize) {
    File jpeg = samples()[0];
    for (std::size_t i = 0; i + 8 < jpeg.size(); ++i) {
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) jpeg[i + 7] = jpeg[i + 8] = 0;  // the width
    }
    EXPECT_THAT(damage(jpeg), StartsWith("folder/sample.jpg: damaged JPEG: "));
    EXPECT_THAT(damage(test::png_head(0, 7)), StartsWith("folder/sample.jpg: damaged PNG: "));
}

TEST(ImageDamage, EndsOnAnyBytes) {
    const base::RandomStream random(seed, "damage");
    std::uint64_t at = 0;
    DecodeOptions options;
    options.most_pixels = 1 << 16;
    for (const File& sound : samples()) {
        int refused = 0;
        for (int trial = 0; trial < 300; ++trial) {
            File file = sound;
            for (std::uint64_t change = 0; change <= random.below(at, 4); ++change)
                file[random.below(at + 1 + 2 * change, file.size())] = static_cast<std::uint8_t>(random.bits(at + 2 + 2 * change));
            at += 12;
            try {
                decode(file, "sample", options);
            } catch (const base::Error& error) {
                ASSERT_THAT(error.what(), StartsWith("sample: ")) << "seed " << seed << ", trial " << trial;
                ++refused;
            }
        }
        EXPECT_GT(refused, 0);
    }
}

}  // namespace
}  // namespace plumb::kernels::image
