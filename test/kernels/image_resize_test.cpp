// SPDX-License-Identifier: Apache-2.0
// Resizing against the recipe written as plain loops, on every instruction set, and any part of it against the whole.
#include <gtest/gtest.h>

#include <cmath>

#include "base/digest.h"
#include "base/random.h"
#include "kernels/image/pipeline.h"
#include "kernels/image/tensor.h"
#include "kernels/image_files.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::image {
namespace {

constexpr std::uint64_t seed = 20261126;

/// One axis of one channel; facts on Pillow: triangle of half-width max(scale, 1), 22 bits, rounded to a byte.
std::vector<int> resized_line(const std::vector<int>& line, std::int64_t out) {
    const auto in = static_cast<std::int64_t>(line.size());
    if (in == out) return line;
    const double scale = static_cast<double>(in) / static_cast<double>(out), reach = std::max(scale, 1.0);
    std::vector<int> made;
    for (std::int64_t x = 0; x < out; ++x) {
        const double centre = (static_cast<double>(x) + 0.5) * scale;
        double sum = 0;
        std::vector<double> weights(line.size());
        const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - reach + 0.5));
        const auto high = std::min(in, static_cast<std::int64_t>(centre + reach + 0.5));
        for (std::int64_t j = low; j < high; ++j) {
            weights[static_cast<std::size_t>(j)] = std::max(0.0, 1 - std::abs((static_cast<double>(j) - centre + 0.5) * (1 / reach)));
            sum += weights[static_cast<std::size_t>(j)];
        }
        std::int64_t total = 1 << 21;
        for (std::size_t j = 0; j < line.size(); ++j) total += line[j] * static_cast<std::int64_t>(weights[j] / sum * (1 << 22) + 0.5);
        made.push_back(static_cast<int>(total >> 22));
    }
    return made;
}

Image across_plainly(const Image& image, std::int64_t width) {
    Image made;
    made.reshape({width, image.size.height});
    for (std::int64_t y = 0; y < image.size.height; ++y) {
        for (std::int64_t c = 0; c < 3; ++c) {
            std::vector<int> line;
            for (std::int64_t x = 0; x < image.size.width; ++x) line.push_back(image.row(y)[3 * x + c]);
            const std::vector<int> sums = resized_line(line, width);
            for (std::size_t x = 0; x < sums.size(); ++x)
                made.row(y)[3 * x + static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(sums[x]);
        }
    }
    return made;
}

Image down_plainly(const Image& image, std::int64_t height) {
    return oriented(across_plainly(oriented(image, 5), height), 5);
}

Image resized_plainly(const Image& image, Size out) {
    if (image.size.height - out.height > std::max<std::int64_t>(0, 2 * (image.size.width - out.width)))
        return across_plainly(down_plainly(image, out.height), out.width);
    return down_plainly(across_plainly(image, out.width), out.height);
}

std::string digest(const std::vector<std::uint8_t>& bytes) {
    return base::sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

class ImageResize : public testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Every, ImageResize, testing::ValuesIn(test::all_isas),
                         [](const auto& isa) { return std::string(name(isa.param)); });

TEST_P(ImageResize, IsTheRecipeWrittenPlainly) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const base::RandomStream random(seed, "sizes");
    std::uint64_t at = 0;
    const auto side = [&] {
        ++at;
        return static_cast<std::int64_t>(1 + random.below(at, at % 5 == 0 ? 4 : 130));
    };
    for (int trial = 0; trial < 60; ++trial) {
        const Image image = test::waves(side(), side(), seed + static_cast<std::uint64_t>(trial));
        Size out{side(), side()};
        if (trial % 7 == 0) out.width = image.size.width;
        if (trial % 9 == 0) out.height = image.size.height;
        ASSERT_EQ(resized(image, out), resized_plainly(image, out))
            << "seed " << seed << ", trial " << trial << ": " << image.size.width << " x " << image.size.height << " to " << out.width
            << " x " << out.height;
    }
}

TEST_P(ImageResize, APartIsThatOfTheWhole) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const base::RandomStream random(seed, "regions");
    std::uint64_t at = 0;
    const auto below = [&](std::int64_t bound) { return static_cast<std::int64_t>(random.below(at++, static_cast<std::uint64_t>(bound))); };
    ResizeMemory memory;
    Image part;
    for (int trial = 0; trial < 60; ++trial) {
        const Image image = test::waves(1 + below(90), 1 + below(90), seed + static_cast<std::uint64_t>(trial));
        const Size out{trial % 5 == 0 ? image.size.width : 1 + below(90), trial % 6 == 0 ? image.size.height : 1 + below(90)};
        Region region{below(out.width), below(out.height), 0, 0};
        region.width = 1 + below(out.width - region.left);
        region.height = 1 + below(out.height - region.top);
        const Image whole = resized(image, out);
        Resize(image.size, out, region).run(image, {0, 0, image.size.width, image.size.height}, memory, part);
        for (std::int64_t y = 0; y < region.height; ++y) {
            const std::uint8_t* expected = whole.row(region.top + y) + 3 * region.left;
            ASSERT_TRUE(std::equal(part.row(y), part.row(y) + part.row_bytes(), expected)) << "seed " << seed << ", trial " << trial;
        }
    }
}

struct FormulaCase {
    std::int64_t width, height;
    const char* resized256;
    const char* crop224;
};

TEST_P(ImageResize, FormulaImagesAreAsPillowAndTorchvisionMakeThem) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    // By Pillow 13.0.0 and torchvision 0.29.2. 100 x 90 is cut from an enlarged image; 257 x 700 and 400 x 1000 go down first.
    const FormulaCase cases[] = {
        {512, 384, "e9e72df4df7b91f42e99013ea4556f71c60c5e6449140438b729cd1ac3cbfc34",
         "2849a112a53459e4b1d623fa2bdc1a1c623a649898e89f3e052c52345a8e47b6"},
        {333, 517, "455a2b9f395e6afaf61127fece168cdcf830e6a5e42cdb3be479ec9387d55eb2",
         "28b4f95c9fa89f5d8d1202341c197f65452bc03ae686c7e9df53c76647b74e04"},
        {255, 999, "df2a104a172205feed292cef0ca0e5b5bf1fde2a8088e90dd29d408cd67ac086",
         "6a2a954183f95d544ab9f981cdd9206947bce59a11f53158b5516956db15b629"},
        {100, 90, "b72c1095182963a97c8d649fec7044d8d630d7fe4c1bc818d0baa04ec91ecae2",
         "978c8d53838d61678e62f3d1c48fd350f0169b317e5f7571510dbbc710a9e5e1"},
        {257, 700, "69c5a832dbd2f47ec1649714a39665bf6da4d1a6a107bc907283f8fc48aa1306",
         "9e1cc935f4b6ad983fb8fdaa08fb1d887b70b73d43797ef670eb8e379e36adee"},
        {400, 1000, "1c5d3dc6afbe2738a65e4689d2005b22a28b14445c231d01437d834d30dfb61e",
         "08c901342ac02cfac12cd734771137a1869ff29b0bd4666add875443ceba3ed3"},
        {260, 300, "2f79d793ceb926bbda3a1d0bec3564e2e54491d04dab63b2c35f99312172e11e",
         "2bf96d3233436a28395d21ab39ee67a9af8e51916e817151adece4bb8996dd59"},
    };
    for (const FormulaCase& each : cases) {
        const Image image = test::formula_image(each.width, each.height);
        EXPECT_EQ(digest(resized(image, resized_size(image.size, 256)).pixels), each.resized256) << each.width << " x " << each.height;
        const test::File file = test::png_file(image.pixels, each.width, each.height);
        Pipeline pipeline;
        std::vector<std::uint8_t> crop(pipeline.crop_bytes());
        Cropper(pipeline).crop(file, "formula", crop);
        EXPECT_EQ(digest(crop), each.crop224) << each.width << " x " << each.height;
    }
}

TEST(ImagePipeline, CutsTheLongSideToWholePixels) {
    EXPECT_EQ(resized_size({384, 512}, 256), (Size{256, 341}));
    EXPECT_EQ(resized_size({1024, 768}, 256), (Size{341, 256}));
    EXPECT_EQ(resized_size({300, 256}, 256), (Size{300, 256}));
    EXPECT_EQ(resized_size({100, 100}, 256), (Size{256, 256}));
}

TEST(ImagePipeline, PadsASmallImageWithBlack) {
    // 3 x 2 shown in 6 x 6: torchvision puts one column before, two behind; two rows above and below.
    const test::File file = test::png_file(std::vector<std::uint8_t>(18, 200), 3, 2);
    Pipeline pipeline;
    pipeline.short_side = 2;
    pipeline.crop = 6;
    std::vector<std::uint8_t> crop(pipeline.crop_bytes(), 99);
    Cropper(pipeline).crop(file, "small", crop);
    for (std::size_t y = 0; y < 6; ++y) {
        for (std::size_t x = 0; x < 6; ++x)
            EXPECT_EQ(crop[3 * (6 * y + x)], y >= 2 && y < 4 && x >= 1 && x < 4 ? 200 : 0) << x << ", " << y;
    }
}

TEST(ImagePipeline, HalvesOfAnImageMakeItUp) {
    for (const Size whole : {Size{8, 6}, Size{7, 5}}) {
        const Region left = region_of(Section::left, whole), right = region_of(Section::right, whole);
        EXPECT_EQ(left.width + right.width, whole.width);
        EXPECT_EQ(right.left, left.width);
        const Region top = region_of(Section::top, whole), bottom = region_of(Section::bottom, whole);
        EXPECT_EQ(top.height + bottom.height, whole.height);
        EXPECT_EQ(bottom.top, top.height);
    }
    EXPECT_EQ(region_of(Section::right, {1, 1}), (Region{0, 0, 1, 1})) << "one column is both halves";
}

TEST(ImagePipeline, IdentityTellsEverySettingApart) {
    const Pipeline plain;
    Pipeline other = plain;
    other.section = Section::right;
    EXPECT_NE(plain.identity(), other.identity());
    other = plain;
    other.crop = 64;
    EXPECT_NE(plain.identity(), other.identity());
    other = plain;
    other.decode.exif_orientation = true;
    EXPECT_NE(plain.identity(), other.identity());
}

TEST(ImageTensor, IsPlanesOfQuotients) {
    const std::vector<std::uint8_t> rgb = {0, 51, 255, 102, 1, 128};
    std::vector<float> planes(6);
    to_tensor(rgb, planes);
    EXPECT_EQ(planes, (std::vector<float>{0.0F, 0.4F, 0.2F, 1.0F / 255.0F, 1.0F, 128.0F / 255.0F}));
    to_tensor(rgb, planes, imagenet);
    EXPECT_EQ(planes[0], (0.0F - 0.485F) / 0.229F);
    EXPECT_EQ(planes[5], (128.0F / 255.0F - 0.406F) / 0.225F);
}

}  // namespace
}  // namespace plumb::kernels::image
