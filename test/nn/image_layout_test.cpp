// SPDX-License-Identifier: Apache-2.0
// What the networks consist of against torchvision's figures, and what surrounds them: scheduler, order, batches, bytes.
#include "nn/image_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "nn/image_batches.h"
#include "nn/plateau.h"

namespace plumb::nn {
namespace {

using testing::ElementsAre;

struct Counts {
    std::int64_t parameters = 0, tensors = 0, entries = 0;
    bool operator==(const Counts&) const = default;
};

Counts counts(const char* network, std::int64_t classes) {
    Counts sum;
    for (const StateEntry& entry : image_state(image_layout(network), classes)) {
        ++sum.entries;
        if (!entry.trained()) continue;
        ++sum.tensors;
        sum.parameters += entry.elements();
    }
    return sum;
}

TEST(ImageLayout, ResNetsHaveTorchvisionsNumbers) {
    EXPECT_EQ(counts("resnet50", 3), (Counts{23'514'179, 161, 320}));
    EXPECT_EQ(counts("resnet18", 3), (Counts{11'178'051, 62, 122}));
    EXPECT_EQ(counts("resnet50", 1000), (Counts{25'557'032, 161, 320}));
    EXPECT_EQ(counts("resnet18", 1000), (Counts{11'689'512, 62, 122}));
}

TEST(ImageLayout, StatesBeginAndEndAsTorchvisions) {
    const std::vector<StateEntry> state = image_state(image_layout("resnet50"), 3);
    std::vector<std::string> names;
    std::set<std::string> distinct;
    for (const StateEntry& entry : state) names.push_back(entry.name), distinct.insert(entry.name);
    EXPECT_EQ(distinct.size(), names.size());
    EXPECT_THAT(std::vector(names.begin(), names.begin() + 8),
                ElementsAre("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
                            "layer1.0.conv1.weight", "layer1.0.bn1.weight"));
    EXPECT_EQ(names[24], "layer1.0.downsample.0.weight");
    EXPECT_EQ(names[25], "layer1.0.downsample.1.weight");
    EXPECT_EQ(names.back(), "fc.bias");
    EXPECT_THAT(state.front().shape, ElementsAre(64, 3, 7, 7));
    EXPECT_THAT(state[state.size() - 2].shape, ElementsAre(3, 2048));
}

TEST(ImageLayout, ABottlenecksStrideIsAtItsThreeByThree) {
    std::int64_t halved = 0;
    for (const ResidualBlock& block : image_layout("resnet50").blocks) {
        ASSERT_EQ(block.path.size(), 3U);
        EXPECT_EQ(block.path[0].stride, 1);
        EXPECT_EQ(block.path[2].stride, 1);
        if (block.path[1].stride == 1) continue;
        ++halved;
        ASSERT_TRUE(block.shortcut);
        EXPECT_EQ(block.shortcut->stride, block.path[1].stride);
    }
    EXPECT_EQ(halved, 3);
}

TEST(ImageLayout, AnUnknownNetworkIsAnsweredWithTheNearestName) {
    try {
        image_layout("resnet51");
        FAIL() << "found";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.hint(), testing::HasSubstr("resnet5"));
    }
}

/// The rate after each loss.
std::vector<double> rates(const PlateauForm& form, std::vector<double> losses, double rate) {
    PlateauState state;
    for (double& loss : losses) loss = rate = observe_plateau(form, state, loss, rate);
    return losses;
}

TEST(Plateau, FallsAfterMoreThanPatienceBadEpochs) {
    // PyTorch's defaults: the first loss is the best, ten that are not better are borne, the eleventh lowers the rate, then ten again.
    const std::vector<double> got = rates({}, std::vector<double>(23, 0.5), 1e-3);
    for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(got[i], 1e-3) << i;
    for (std::size_t i = 11; i < 22; ++i) EXPECT_DOUBLE_EQ(got[i], 1e-4) << i;
    EXPECT_DOUBLE_EQ(got[22], 1e-5);
}

TEST(Plateau, ImprovementIsRelativeAndNoNumberIsNone) {
    const PlateauForm form{.factor = 0.5, .patience = 1};
    EXPECT_THAT(rates(form, {1, 0.99995, 0.99991}, 1), ElementsAre(1, 1, 0.5)) << "less than 1e-4 of the best is no improvement";
    EXPECT_THAT(rates(form, {1, 0.9998, 0.9996, 0.9994}, 1), ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(rates(form, {1, std::nan(""), std::nan(""), 0.5}, 1), ElementsAre(1, 1, 0.5, 0.5));
    EXPECT_THAT(rates({.factor = 0.1, .patience = 0, .least_rate = 0.05}, {1, 1, 1, 1}, 1), ElementsAre(1, 0.1, 0.05, 0.05));
}

TEST(ImageBatches, AnOrderIsAPermutationOfSeedAndEpoch) {
    const std::vector<std::int64_t> order = epoch_order(7, 3, 100);
    EXPECT_EQ(order, epoch_order(7, 3, 100));
    EXPECT_NE(order, epoch_order(7, 4, 100));
    EXPECT_NE(order, epoch_order(8, 3, 100));
    std::vector<std::int64_t> sorted = order, all(100);
    std::ranges::sort(sorted);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(sorted, all);
    EXPECT_NE(order, all);
}

TEST(ImageBatches, CoverAllAndNoBatchHasOneSample) {
    EXPECT_THAT(batches_of(8, 4), ElementsAre(BatchRange{0, 4}, BatchRange{4, 8}));
    EXPECT_THAT(batches_of(10, 4), ElementsAre(BatchRange{0, 4}, BatchRange{4, 8}, BatchRange{8, 10}));
    EXPECT_THAT(batches_of(9, 4), ElementsAre(BatchRange{0, 4}, BatchRange{4, 9}));
    EXPECT_THAT(batches_of(3, 4), ElementsAre(BatchRange{0, 3}));
    EXPECT_TRUE(batches_of(0, 4).empty());
}

TEST(ImageBatches, BytesBecomeWhatToTensorAndNormalizeGive) {
    const std::vector<std::uint8_t> bytes{0, 128, 255, 1, 2, 3};
    std::vector<float> plain(6), normalised(6);
    ByteTable(false).convert(bytes, plain);
    ByteTable(true).convert(bytes, normalised);
    const float mean[] = {0.485F, 0.456F, 0.406F}, deviation[] = {0.229F, 0.224F, 0.225F};
    for (std::size_t i = 0; i < 6; ++i) {
        const float number = static_cast<float>(bytes[i]) / 255.0F;
        EXPECT_EQ(plain[i], number) << i;
        EXPECT_EQ(normalised[i], (number - mean[i % 3]) / deviation[i % 3]) << i;
    }
}

}  // namespace
}  // namespace plumb::nn
