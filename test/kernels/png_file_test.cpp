// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/png_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/image/decode.h"
#include "kernels/image_files.h"

namespace plumb::kernels::image {
namespace {

TEST(PngFile, HoldsThePixelsThatItWasGiven) {
    for (const Size size : {Size{1, 1}, {3, 7}, {96, 96}, {5, 1}, {1, 5}}) {
        const Image image = test::waves(size.width, size.height, 20261126);
        const std::string file = png_file(image.pixels, size);
        EXPECT_EQ(decode({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, "sample"), image);
        EXPECT_EQ(png_file(image.pixels, size), file);
    }
}

TEST(PngFile, RefusesPixelsThatAreNoImageOfThatSize) {
    const std::vector<std::uint8_t> pixels(12);
    EXPECT_THROW(png_file(pixels, {2, 3}), base::Error);
    EXPECT_THROW(png_file({}, {0, 0}), base::Error);
}

}  // namespace
}  // namespace plumb::kernels::image
