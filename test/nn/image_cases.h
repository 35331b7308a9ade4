// SPDX-License-Identifier: Apache-2.0
// Random images and small classifiers for the tests of image training.
#pragma once
#include <vector>

#include "base/random.h"
#include "nn/image_classifier.h"

namespace plumb::nn::test {

inline constexpr std::uint64_t image_seed = 23;

/// Owns what an ImageSet borrows; example i is image i with label i % classes.
struct MadeImages {
    MadeImages(std::int64_t count, std::int64_t side_pixels, std::int64_t classes, std::uint64_t draw = 0) : side(side_pixels) {
        const base::RandomStream random(image_seed + draw, "images");
        for (std::int64_t i = 0; i < count * side * side * 3; ++i)
            pixels.push_back(static_cast<std::uint8_t>(random.below(static_cast<std::uint64_t>(i), 256)));
        for (std::int64_t i = 0; i < count; ++i) {
            samples.push_back(i);
            examples.push_back({i, static_cast<std::int32_t>(i % classes), 1});
        }
    }
    ImageSet set() const { return {pixels, side, side}; }
    std::int64_t side;
    std::vector<std::uint8_t> pixels;
    std::vector<std::int64_t> samples;
    std::vector<ImageExample> examples;
};

inline ImageClassifierForm small_classifier(const std::string& network = "cnn") {
    ImageClassifierForm form;
    form.network = network;
    form.classes = 3;
    form.rate = 0.01;
    form.batch = 4;
    form.seed = image_seed;
    return form;
}

inline std::vector<float> scores(ImageClassifier& classifier, const MadeImages& images, std::size_t classes = 3) {
    std::vector<float> out(images.samples.size() * classes);
    classifier.scores(images.set(), images.samples, out);
    return out;
}

}  // namespace plumb::nn::test
