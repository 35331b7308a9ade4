// SPDX-License-Identifier: Apache-2.0
// What photographs become: features, principal components, hashes of their looks; and labels that are renamed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "families/cotrain/classic_features.h"
#include "families/cotrain/components.h"
#include "families/cotrain/near_copies.h"

namespace plumb::families::cotrain {
namespace {

using kernels::image::Size;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t seed = 20261126;
constexpr Size size{40, 24};

/// Grey of every pixel by a formula.
template <class Formula>
std::vector<std::uint8_t> painted(const Formula& grey) {
    std::vector<std::uint8_t> rgb;
    for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < size.width; ++x) rgb.insert(rgb.end(), 3, static_cast<std::uint8_t>(grey(x, y)));
    }
    return rgb;
}

std::vector<double> features_of(const std::vector<std::uint8_t>& rgb) {
    std::vector<double> features(classic_columns, -1);
    classic_features(rgb, size, features);
    return features;
}
double squares(std::span<const double> values) {
    return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

TEST(ClassicFeatures, OfANoisyImageAreHistogramsOfLengthOne) {
    const base::RandomStream random(seed, "noise");
    const std::vector<double> features =
        features_of(painted([&](int x, int y) { return random.below(static_cast<std::uint64_t>(100 * y + x), 256); }));
    const std::span<const double> all(features);
    EXPECT_NEAR(squares(all.first(colour_columns)), 1, 1e-12);
    EXPECT_NEAR(squares(all.subspan(colour_columns, texture_columns)), 2, 1e-12);
    EXPECT_NEAR(squares(all.last(shape_columns)), 1, 1e-12);
    EXPECT_GE(*std::ranges::min_element(features), 0);
}

TEST(ClassicFeatures, OfAFlatImageAreOneColourOnePatternAndNoShape) {
    std::vector<std::uint8_t> rgb;
    for (int i = 0; i < size.width * size.height; ++i) rgb.insert(rgb.end(), {200, 70, 10});
    const std::vector<double> features = features_of(rgb);
    EXPECT_EQ(features[3 * 16 + 1 * 4 + 0], 1);
    EXPECT_EQ(std::ranges::count_if(features, [](double value) { return value != 0; }), 3) << "a colour, and a pattern at each distance";
}

TEST(ClassicFeatures, TellEdgesByTheirDirection) {
    // Brighter to the right: gradients along x, shared by the first and the last of nine bins over half a turn.
    const auto bins_of = [](const std::vector<double>& features) {
        std::vector<double> sums(9);
        for (std::size_t i = 0; i < shape_columns; ++i) sums[i % 9] += features[colour_columns + texture_columns + i];
        return sums;
    };
    const std::vector<double> across = bins_of(features_of(painted([](int x, int) { return 5 * x; })));
    EXPECT_GT(across[0], 0);
    EXPECT_NEAR(across[0], across[8], 1e-12);
    for (std::size_t bin = 1; bin < 8; ++bin) EXPECT_EQ(across[bin], 0) << bin;
    const std::vector<double> down = bins_of(features_of(painted([](int, int y) { return 7 * y; })));
    for (std::size_t bin = 0; bin < 9; ++bin) EXPECT_EQ(down[bin] > 0, bin == 4) << bin;
}

Features cloud(int rows, int columns) {
    const base::RandomStream random(seed, "cloud");
    Features features;
    features.columns = columns;
    features.dense.resize(rows, columns);
    for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) features.dense(r, c) = 10 + random.normal(static_cast<std::uint64_t>(100 * r + c)) * (c + 1);
    }
    return features;
}
std::vector<Sample> first_rows(int count) {
    std::vector<Sample> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
}

TEST(Components, OfAFlattenedCloudLieAlongIt) {
    Features features;
    features.columns = 2;
    features.dense.resize(4, 2);
    features.dense << 1, 2, 4, 6, 7, 10, -2, -2;  // on a line of slope 4/3
    const Components components = principal_components(features, first_rows(4), 5);
    ASSERT_EQ(components.directions.cols(), 2);
    EXPECT_NEAR(components.directions(0, 0), 0.6, 1e-12);
    EXPECT_NEAR(components.directions(1, 0), 0.8, 1e-12);
    EXPECT_NEAR(components.variances(1), 0, 1e-12);
    const Features along = projected(features, components);
    EXPECT_NEAR(along.dense(2, 0) - along.dense(0, 0), 10, 1e-12);
    EXPECT_NEAR(along.dense(2, 1), 0, 1e-12);
}

TEST(Components, AreEigenvectorsOfWhatIsVisibleAlone) {
    Features features = cloud(60, 12);
    const std::vector<Sample> visible = first_rows(50);
    const Components components = principal_components(features, visible, 5);
    EXPECT_LT(deviation(components, features, visible), 1e-12);
    features.dense.bottomRows(10).setConstant(1e6);
    EXPECT_EQ(principal_components(features, visible, 5).directions, components.directions);
    Components wrong = components;
    wrong.directions(3, 1) += 1e-4;
    EXPECT_GT(deviation(wrong, features, visible), 1e-6);
}

TEST(NearCopies, ShareTheirHashWhateverTheLight) {
    const auto picture = [](int light, int phase) {
        return painted([=](int x, int y) { return 90 + 40 * std::sin(x / 5.0 + phase) + 30 * std::cos(y / 3.0) + light; });
    };
    const std::uint64_t hash = perceptual_hash(picture(0, 0), size);
    EXPECT_LE(std::popcount(hash ^ perceptual_hash(picture(20, 0), size)), near_bits);
    EXPECT_GT(std::popcount(hash ^ perceptual_hash(picture(0, 2), size)), near_bits);
}

TEST(NearCopies, InAChainAreOneGroup) {
    // 0 and 2 by the first view, 2 and 3 by the second; 1 is alone.
    const std::uint64_t first[] = {0x0f, 0xff00ff00ff, 0x1f, 0xf0f0f0f0f0f0};
    const std::uint64_t second[] = {0xaaaa, 0x5555000000, 0x333333330000, 0x333333330001};
    EXPECT_THAT(near_groups(first, second), ElementsAre(0, 1, 0, 0));
}

TEST(NearCopies, AreCountedWhereTheyJudgeWhatTheyTaught) {
    TwoViews data;
    data.hash[0] = {0, 1, ~std::uint64_t{0}, 0xffff, 3};
    data.hash[1] = {5, 0xffffffff, 0xffff0000ffff, 0xff00ff00ff00, 0xf0f0f0f0f0f0};
    Split split;
    split.labelled = {0};
    split.pool = {2};
    split.validation = {3};
    split.test = {1, 4};
    EXPECT_EQ(copies_across(data, split), 2) << "1 and 4 look like 0 in the first view";
}

TEST(ClassMap, RenamesAndJoins) {
    LabelledView view;
    view.labels = {"cardboard", "glass", "", "plastic"};
    rename_labels(view, "cardboard=box:glass=clear:plastic=clear");
    EXPECT_THAT(view.labels, ElementsAre("box", "clear", "", "clear"));
    for (const auto& [map, words] : {std::pair{"bxo=a", "'bxo'"}, {"box", "renames nothing"}}) {
        try {
            rename_labels(view, map);
            ADD_FAILURE() << map;
        } catch (const base::Error& error) {
            EXPECT_THAT(error.what(), HasSubstr(words));
        }
    }
}

}  // namespace
}  // namespace plumb::families::cotrain
