// SPDX-License-Identifier: Apache-2.0
// Photographs against the digests of what Pillow and torchvision make of them: those of data/trashnet, which came with plumb, and those of
// golden/pixel_parity.csv where it is beside the checkout.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/archive.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "kernels/image/pipeline.h"
#include "kernels/image/tensor.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::image {
namespace {

namespace fs = std::filesystem;

using Photos = std::map<std::string, std::string>;
using Row = std::map<std::string, std::string>;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
template <class T>
std::string digest(const std::vector<T>& values) {
    return base::sha256_hex({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

std::vector<Row> read_rows(const fs::path& path) {
    std::vector<std::string> lines = base::split(base::read_file(path), '\n');
    const std::vector<std::string> names = base::split(lines.front(), ',');
    std::vector<Row> rows;
    for (std::size_t line = 1; line < lines.size(); ++line) {
        const std::vector<std::string> cells = base::split(lines[line], ',');
        if (cells.size() != names.size()) continue;
        Row& row = rows.emplace_back();
        for (std::size_t i = 0; i < cells.size(); ++i) row[names[i]] = cells[i];
    }
    return rows;
}

Photos read_photos(const fs::path& archive) {
    Photos photos;
    base::each_in_archive(archive, [&](const std::string& name, std::string content) { photos[name] = std::move(content); });
    return photos;
}

std::vector<std::uint8_t> cropped(const std::string& photo, const Pipeline& pipeline) {
    std::vector<std::uint8_t> crop(pipeline.crop_bytes());
    Cropper(pipeline).crop(bytes_of(photo), "photo", crop);
    return crop;
}

const fs::path trashnet = fs::path(PLUMB_SOURCE_DIR) / "data/trashnet";

TEST(ImageParity, EveryPhotoOfTrashnetIsAsPillowAndTorchvisionMakeIt) {
    const std::vector<Row> rows = read_rows(trashnet / "pixels.csv");
    const Photos photos = read_photos(trashnet / "photos.tar");
    ASSERT_EQ(rows.size(), 150U);
    std::vector<float> planes;
    for (const Row& row : rows) {
        const std::string& photo = photos.at(row.at("path"));
        ASSERT_EQ(base::sha256_hex(photo), row.at("sha256")) << row.at("path");
        const Image image = decode(bytes_of(photo), row.at("path"));
        EXPECT_EQ(digest(image.pixels), row.at("sha256_rgb")) << row.at("path");
        EXPECT_EQ(digest(resized(image, {256, 341}).pixels), row.at("sha256_resized256")) << row.at("path");
        const std::vector<std::uint8_t> crop = cropped(photo, {});
        EXPECT_EQ(digest(crop), row.at("sha256_crop224")) << row.at("path");
        planes.resize(crop.size());
        to_tensor(crop, planes);
        EXPECT_EQ(digest(planes), row.at("sha256_tensor")) << row.at("path");
        to_tensor(crop, planes, imagenet);
        EXPECT_EQ(digest(planes), row.at("sha256_normalised")) << row.at("path");
        Pipeline left;
        left.section = Section::left;
        left.short_side = left.crop = 64;
        EXPECT_EQ(digest(cropped(photo, left)), row.at("sha256_left_crop64")) << row.at("path");
    }
}

TEST(ImageParity, EveryInstructionSetGivesTheSameCrop) {
    const Photos photos = read_photos(trashnet / "photos.tar");
    const std::string& photo = photos.at("glass/glass3.jpg");
    for (const Isa isa : available_isas()) {
        const test::ForcedIsa forced(isa);
        EXPECT_EQ(digest(cropped(photo, {})), "34d2f51e8cfb47473d09c97cb9857017c748427f3b1a7f7a2aba7fa4870efe44") << name(isa);
    }
}

TEST(ImageParity, GoldenPhotosAreAsPillowMakesThem) {
    const fs::path shared = fs::path(PLUMB_SOURCE_DIR) / "../shared/data/cotraining";
    if (!fs::exists(shared / "golden/pixel_parity.csv")) GTEST_SKIP() << "no ../shared/data/cotraining beside this checkout";
    const Photos photos = read_photos(shared / "trashnet4/trashnet4.tar");
    int compared = 0;
    for (const Row& row : read_rows(shared / "golden/pixel_parity.csv")) {
        if (row.at("kind") != "jpeg") continue;
        const std::string& photo = photos.at("trashnet4/" + row.at("name"));
        const Image image = decode(bytes_of(photo), row.at("name"));
        EXPECT_EQ(digest(image.pixels), row.at("sha256_rgb")) << row.at("name");
        EXPECT_EQ(digest(resized(image, resized_size(image.size, 256)).pixels), row.at("sha256_resized")) << row.at("name");
        EXPECT_EQ(digest(cropped(photo, {})), row.at("sha256_crop224")) << row.at("name");
        ++compared;
    }
    EXPECT_EQ(compared, 7);
}

}  // namespace
}  // namespace plumb::kernels::image
