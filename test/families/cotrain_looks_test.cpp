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

std::span<const double> block_of(const std::vector<double>& features, Block block) {
    return std::span(features).subspan(begin_of(block), block_columns[static_cast<std::size_t>(block)]);
}

TEST(ClassicFeatures, OfANoisyImageAreBlocksOfLengthOne) {
    const base::RandomStream random(seed, "noise");
    std::vector<std::uint8_t> rgb;
    for (std::uint64_t i = 0; i < 3 * size.width * size.height; ++i) rgb.push_back(static_cast<std::uint8_t>(random.bits(i)));
    const std::vector<double> features = features_of(rgb);
    for (std::size_t block = 0; block < block_columns.size(); ++block)
        EXPECT_NEAR(squares(block_of(features, static_cast<Block>(block))), 1, 1e-12) << block;
    EXPECT_GE(*std::ranges::min_element(features), 0);
}

TEST(ClassicFeatures, OfAFlatImageAreOneColourOnePatternAndNoShape) {
    std::vector<std::uint8_t> rgb;
    for (int i = 0; i < size.width * size.height; ++i) rgb.insert(rgb.end(), {200, 70, 10});
    const std::vector<double> features = features_of(rgb);
    // Hue 18.9 degrees, saturation 0.95, value 0.78: first of 8, last of 4, last of 4.
    EXPECT_EQ(block_of(features, Block::joint_colour)[0 * 16 + 3 * 4 + 3], 1);
    EXPECT_EQ(block_of(features, Block::hue)[1], 1);
    EXPECT_NEAR(block_of(features, Block::channels)[200 / 16], std::sqrt(1.0 / 3), 1e-12);
    EXPECT_EQ(block_of(features, Block::contrast)[0], 1);
    EXPECT_EQ(squares(block_of(features, Block::shape)), 0);
    EXPECT_EQ(std::ranges::count_if(block_of(features, Block::texture_near), [](double value) { return value != 0; }), 1);
}

TEST(ClassicFeatures, TellEdgesByTheirDirection) {
    // Brighter to the right: gradients along x, shared by the first and the last of nine bins over half a turn.
    const auto bins_of = [](const std::vector<double>& features) {
        std::vector<double> sums(9);
        const std::span<const double> shape = block_of(features, Block::shape);
        for (std::size_t i = 0; i < shape.size(); ++i) sums[i % 9] += shape[i];
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
    ASSERT_EQ(components.directions.cols(), 1) << "the samples vary in one direction alone";
    EXPECT_NEAR(components.directions(0, 0), 0.6, 1e-12);
    EXPECT_NEAR(components.directions(1, 0), 0.8, 1e-12);
    const Features along = projected(features, components);
    EXPECT_NEAR(along.dense(2, 0) - along.dense(0, 0), 10, 1e-12);
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

TEST(Components, OfFewerSamplesThanColumnsAreTheSame) {
    const Features wide = cloud(8, 30);
    const Components components = principal_components(wide, first_rows(8), 20);
    EXPECT_EQ(components.directions.cols(), 7);
    EXPECT_LT(deviation(components, wide, first_rows(8)), 1e-9);
}

TEST(Components, GiveEveryBlockTheSameWeight) {
    Features features = cloud(60, 12);
    features.blocks = {4, 8};
    const Components plain = principal_components(features, first_rows(60), 12);
    features.dense.leftCols(4) *= 1000;
    const Components scaled = principal_components(features, first_rows(60), 12);
    EXPECT_NEAR(plain.variances.sum(), 2, 1e-9) << "one a block";
    EXPECT_LT((plain.variances - scaled.variances).cwiseAbs().maxCoeff(), 1e-9);
    EXPECT_LT(deviation(scaled, features, first_rows(60)), 1e-12);
}

TEST(Scale, EvenIsHalfWayToStandard) {
    const Features features = cloud(200, 6);
    const std::vector<Sample> visible = first_rows(150);
    const auto spread = [&](const Features& of, Eigen::Index column) {
        const auto seen = of.dense.col(column).head(150).array();
        return std::sqrt((seen - seen.mean()).square().mean());
    };
    const Features even = evened(features, visible), standard = standardised(features, visible);
    double squares = 0;
    for (Eigen::Index column = 0; column < 6; ++column) {
        EXPECT_NEAR(spread(even, column) / spread(even, 0), std::sqrt(spread(features, column) / spread(features, 0)), 1e-9) << column;
        EXPECT_NEAR(spread(standard, column), 1, 1e-9);
        EXPECT_NEAR(even.dense.col(column).head(150).mean(), 0, 1e-9);
        squares += spread(even, column) * spread(even, column) / 6;
    }
    EXPECT_NEAR(squares, 1, 1e-9);
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
