// SPDX-License-Identifier: Apache-2.0
// Laws of the fused loss: gradients are slopes, rows of weight 0 are not there, threads change no bit, what is wrong is named.
#include "kernels/loss/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/isa_guard.h"
#include "kernels/loss_case.h"

namespace plumb::kernels::loss {
namespace {

using test::LossCase;
using test::LossResult;

constexpr std::uint64_t seed = 32;

/// Central differences of step h are wrong by h^2/6 of the third derivative, for log-sum-exp the third cumulant of the weights, at most a
/// tenth of the cube of their range (below 3 here), and by the rounding of two losses (a few units of 30) over 2h.
constexpr float step = 0x1p-6F;
constexpr double difference_error = step * step / 6.0 * 2.7 + 8 * 30 * 0x1p-24 / (2.0 * step);

double slope(LossCase& c, float& number) {
    const float before = number;
    number = before + step;
    const double above = c.evaluate().loss;
    number = before - step;
    const double below = c.evaluate().loss;
    number = before;
    return (above - below) / (2.0 * step);
}

class FusedLoss : public testing::TestWithParam<Isa> {};

TEST_P(FusedLoss, GradientsAreTheSlopesOfTheLoss) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    LossCase c({6, 11, 5}, seed);
    const LossResult got = c.run(/*with_dweight=*/true);
    for (std::size_t i = 0; i < c.hidden_RE.size(); ++i)
        EXPECT_NEAR(got.dhidden_RE.at(i), slope(c, c.hidden_RE[i]), difference_error) << i << " seed " << seed;
    for (std::size_t i = 0; i < c.weight_VE.size(); ++i)
        EXPECT_NEAR(got.dweight_VE[i], slope(c, c.weight_VE[i]), difference_error) << i << " seed " << seed;
}

TEST_P(FusedLoss, HasTheSameBitsOnAnyNumberOfThreads) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    for (const test::LossShape& shape : {test::LossShape{420, 300, 20}, test::LossShape{1, 300, 20}, test::LossShape{50, 7, 3}}) {
        const LossCase c(shape, seed);
        const LossResult one = c.run(true, 1);
        for (const int threads : {2, 3, 7}) {
            const LossResult many = c.run(true, threads);
            EXPECT_EQ(many.loss, one.loss) << text(shape) << " " << threads;
            EXPECT_EQ(many.nll_R, one.nll_R) << text(shape) << " " << threads;
            EXPECT_EQ(many.dhidden_RE, one.dhidden_RE) << text(shape) << " " << threads;
            EXPECT_EQ(many.dweight_VE, one.dweight_VE) << text(shape) << " " << threads;
        }
    }
}

TEST_P(FusedLoss, IsTheSameWithAndWithoutGradients) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const LossCase c({310, 500, 20}, seed);
    const LossResult all = c.run(true);
    const LossResult frozen = c.run(false);
    const LossResult alone = c.evaluate();
    EXPECT_EQ(all.nll_R, alone.nll_R);
    EXPECT_EQ(frozen.nll_R, alone.nll_R);
    EXPECT_EQ(all.loss, alone.loss);
    EXPECT_EQ(all.dhidden_RE, frozen.dhidden_RE);
}

TEST_P(FusedLoss, DoesNotReadRowsOfWeightZero) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    LossCase c({60, 300, 12}, seed);
    const LossResult before = c.run(true);
    for (std::int64_t r = 4; r < 60; r += 5) {
        ASSERT_EQ(c.row_weight_R[r], 0);
        c.target_R[r] = -100;
        for (std::int64_t e = 0; e < 12; ++e) c.hidden_RE[r * 12 + e] = std::numeric_limits<float>::quiet_NaN();
    }
    const LossResult got = c.run(true);
    EXPECT_EQ(got.loss, before.loss);
    EXPECT_EQ(got.dhidden_RE, before.dhidden_RE);
    EXPECT_EQ(got.dweight_VE, before.dweight_VE);
    for (std::int64_t e = 0; e < 12; ++e) EXPECT_EQ(got.dhidden_RE.at(4 * 12 + e), 0);
    EXPECT_EQ(got.nll_R[4], 0);
    EXPECT_GT(got.nll_R[3], 0);
}

TEST_P(FusedLoss, WithEveryRowMaskedIsZero) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    LossCase c({7, 30, 12}, seed);
    std::fill(c.row_weight_R.begin(), c.row_weight_R.end(), 0.0F);
    const LossResult got = c.run(true, 2);
    EXPECT_EQ(got.loss, 0);
    EXPECT_EQ(got.dweight_VE, std::vector<float>(30 * 12));
    EXPECT_EQ(got.dhidden_RE, base::Numbers(base::Dtype::fp32, 7 * 12));
}

TEST_P(FusedLoss, SpoilsTheLossAndNoOtherRowWhenOneIsNotFinite) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const LossCase clean({40, 700, 12}, seed);
    const LossResult expected = clean.run(false);
    constexpr float inf = std::numeric_limits<float>::infinity();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
        LossCase c = clean;
        c.hidden_RE[5 * 12 + 3] = bad;
        const LossResult got = c.run(true);
        EXPECT_TRUE(std::isnan(got.loss)) << bad;
        for (std::int64_t r = 0; r < 40; ++r) {
            if (r == 5) {
                EXPECT_TRUE(std::isnan(got.nll_R[r])) << bad;
                EXPECT_TRUE(std::isnan(got.dhidden_RE.at(r * 12))) << bad;
            } else {
                EXPECT_EQ(got.nll_R[r], expected.nll_R[r]) << bad << " row " << r;
                EXPECT_EQ(got.dhidden_RE.at(r * 12), expected.dhidden_RE.at(r * 12)) << bad << " row " << r;
            }
        }
    }
}

TEST_P(FusedLoss, AddsToTheGradientOfTheWeight) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const LossCase c({20, 50, 12}, seed);
    const LossResult alone = c.run(true);
    const PackedWeight packed({c.weight_VE.data(), 50, 12, 12}, 1);
    const base::Numbers hidden(base::Dtype::fp32, c.hidden_RE);
    std::vector<float> dweight(50 * 12, 1.0F);
    base::Numbers dhidden(base::Dtype::fp32, 20 * 12);
    linear_cross_entropy(c.problem(hidden, packed), {}, {dhidden.data(), 12, dweight.data()});
    // Two or three sums that began at 1 instead of 0.
    for (std::size_t i = 0; i < dweight.size(); ++i) EXPECT_NEAR(dweight[i], 1 + alone.dweight_VE[i], 16 * 0x1p-24) << i;
}

TEST_P(FusedLoss, TakesRowsThatLieApart) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const LossCase c({20, 50, 6}, seed);
    const LossResult expected = c.run(false);
    std::vector<float> hidden(20 * 9), weight(50 * 7), dhidden(20 * 8, 5.0F);
    for (std::int64_t i = 0; i < 20 * 6; ++i) hidden[i / 6 * 9 + i % 6] = c.hidden_RE[i];
    for (std::int64_t i = 0; i < 50 * 6; ++i) weight[i / 6 * 7 + i % 6] = c.weight_VE[i];
    const PackedWeight packed({weight.data(), 50, 6, 7}, 1);
    const Problem problem{.hidden_RE = hidden.data(),
                          .rows = 20,
                          .row_stride = 9,
                          .weight = &packed,
                          .target_R = c.target_R.data(),
                          .weight_R = c.row_weight_R.data()};
    EXPECT_EQ(linear_cross_entropy(problem, {}, {dhidden.data(), 8, nullptr}), expected.loss);
    for (std::int64_t i = 0; i < 20 * 6; ++i) EXPECT_EQ(dhidden[i / 6 * 8 + i % 6], expected.dhidden_RE.at(i)) << i;
    EXPECT_EQ(dhidden[6], 5) << "beyond the columns";
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedLoss, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

TEST(FusedLossOfNothing, IsZero) {
    LossCase c({0, 5, 3}, seed);
    EXPECT_EQ(c.run(true).loss, 0);
    EXPECT_EQ(c.evaluate().loss, 0);
}

TEST(FusedLossOfEqualLogits, IsTheLogarithmOfTheVocabulary) {
    LossCase c({3, 1000, 8}, seed);
    std::fill(c.hidden_RE.begin(), c.hidden_RE.end(), 0.0F);
    for (const double nll : c.evaluate().nll_R) EXPECT_NEAR(nll, std::log(1000.0), 1e-12);
}

/// The message of the error that `run` throws.
template <class Run>
std::string refusal(const Run& run) {
    try {
        run();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_NE(error.hint(), "");
        return error.what();
    }
    return "nothing was thrown";
}

TEST(FusedLossErrors, NameTheTargetItsRowAndTheVocabulary) {
    LossCase c({9, 50, 4}, seed);
    for (const std::int64_t bad : {std::int64_t{50}, std::int64_t{-1}}) {
        c.target_R[7] = bad;
        EXPECT_EQ(refusal([&] { c.run(true); }), "fused loss: target " + std::to_string(bad) + " of row 7 is outside a vocabulary of 50");
        EXPECT_EQ(refusal([&] { c.evaluate(); }), "fused loss: target " + std::to_string(bad) + " of row 7 is outside a vocabulary of 50");
    }
}

TEST(FusedLossErrors, NameWhatDoesNotFit) {
    const LossCase c({9, 50, 4}, seed);
    const base::Numbers hidden(base::Dtype::fp32, c.hidden_RE);
    PackedWeight packed({c.weight_VE.data(), 50, 4, 4}, 1);
    std::vector<double> eight(8);
    const Problem problem = c.problem(hidden, packed);
    EXPECT_EQ(refusal([&] { linear_cross_entropy(problem, eight); }), "fused loss: room for the losses of 8 rows, but there are 9");
    Problem none = problem;
    none.weight = nullptr;
    EXPECT_EQ(refusal([&] { linear_cross_entropy(none, {}); }), "fused loss: there is no weight");
    Problem no_threads = problem;
    no_threads.threads = 0;
    EXPECT_EQ(refusal([&] { linear_cross_entropy(no_threads, {}); }), "fused loss: threads is 0");
    EXPECT_EQ(refusal([&] {
                  packed.pack({c.weight_VE.data(), 49, 4, 4}, 1);
              }),
              "fused loss: a weight of 49 x 4 in the place of one of 50 x 4");
    EXPECT_EQ(refusal([&] { PackedWeight({c.weight_VE.data(), 0, 4, 4}, 1); }), "fused loss: the weight is 0 x 4");
}

TEST(PackedWeightTest, IsACopyUntilItIsPackedAgain) {
    LossCase c({9, 50, 4}, seed);
    const base::Numbers hidden(base::Dtype::fp32, c.hidden_RE);
    PackedWeight packed({c.weight_VE.data(), 50, 4, 4}, 1);
    const Problem problem = c.problem(hidden, packed);
    const double before = linear_cross_entropy(problem, {});
    for (float& number : c.weight_VE) number *= 2;
    EXPECT_EQ(linear_cross_entropy(problem, {}), before);
    packed.pack({c.weight_VE.data(), 50, 4, 4}, 1);
    EXPECT_EQ(linear_cross_entropy(problem, {}), c.evaluate().loss);
    EXPECT_NE(linear_cross_entropy(problem, {}), before);
}

TEST(PackedWeightTest, SaysWhatMemoryItHolds) {
    const std::vector<float> numbers(50 * 6);
    const PackedWeight packed({numbers.data(), 50, 6, 6}, 1);
    EXPECT_GE(packed.bytes(), 50 * 6 * 4);
    EXPECT_LE(packed.bytes(), 56 * 8 * 4);
}

}  // namespace
}  // namespace plumb::kernels::loss
