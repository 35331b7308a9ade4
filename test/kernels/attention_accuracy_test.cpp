// SPDX-License-Identifier: Apache-2.0
// Every implementation on every instruction set keeps the accuracy rule, and the rule itself can fail.
#include "kernels/attention/accuracy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/attention/inputs.h"
#include "kernels/attention_cases.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 4;

class EveryImplementation : public testing::TestWithParam<test::Runner> {
  protected:
    /// Runs the implementation on `problem` and expects the rule to hold.
    void expect_within(const Problem& problem, const std::string& what) {
        const test::ForcedIsa forced(GetParam().isa);
        ASSERT_EQ(GetParam().implementation->why_not(problem), "");
        const std::vector<float> out = run_widened(*GetParam().implementation, problem);
        const Accuracy accuracy = measure_accuracy(problem, out);
        EXPECT_TRUE(accuracy.within()) << what << " seed " << seed << ": error " << accuracy.max_error << ", bound " << accuracy.bound
                                       << ", plain " << accuracy.plain_max_error << ", single rounding " << accuracy.single_rounding;
    }
};

TEST_P(EveryImplementation, KeepsTheRuleOnEveryMaskEdgeShapeAndType) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const Shape& shape : test::edge_shapes()) {
            for (const MaskKind mask : test::all_masks) {
                const Inputs inputs = make_inputs(shape, {.mask = mask, .dtype = dtype}, "normal", seed);
                expect_within(GetParam().problem(inputs),
                              test::text(shape) + " " + test::text(mask) + " " + std::string(base::name(dtype)));
            }
        }
    }
}

TEST_P(EveryImplementation, KeepsTheRuleOnEveryDistributionAndType) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 2, .queries = 70, .keys = 150, .head_dim = 64, .value_dim = 48};
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const Distribution& distribution : distributions()) {
            for (const MaskKind mask : test::all_masks) {
                const Inputs inputs = make_inputs(shape, {.mask = mask, .dtype = dtype}, distribution.name, seed);
                expect_within(GetParam().problem(inputs),
                              std::string(distribution.name) + " " + test::text(mask) + " " + std::string(base::name(dtype)));
            }
        }
    }
}

TEST_P(EveryImplementation, KeepsTheRuleWithABias) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 4, .queries = 60, .keys = 150, .head_dim = 32, .value_dim = 32, .key_heads = 2};
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const MaskKind mask : test::all_masks) {
            for (const float scale : {0.0F, -2.0F, 1e-30F}) {
                const Inputs inputs = make_inputs(shape, {.mask = mask, .dtype = dtype, .bias = true}, "normal", seed);
                Problem problem = GetParam().problem(inputs);
                problem.scale = scale;
                expect_within(problem, test::text(mask) + " " + std::string(base::name(dtype)) + " scale " + std::to_string(scale));
            }
        }
    }
}

TEST_P(EveryImplementation, KeepsTheRuleOverScalesFromTinyToHugeAndNegative) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 2, .queries = 40, .keys = 90, .head_dim = 32, .value_dim = 32};
    const Inputs inputs = make_inputs(shape, MaskKind::causal, "normal", seed);
    for (const float scale : {1e-42F, 1e-30F, 1e-6F, 1.0F, -1.0F, 30.0F, -1e4F, 1e12F, 1e30F}) {
        Problem problem = GetParam().problem(inputs);
        problem.scale = scale;
        expect_within(problem, "scale " + std::to_string(scale));
    }
}

TEST_P(EveryImplementation, KeepsTheRuleWhereScoresGrowOrShrinkAlongTheKeys) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    // A maximum that moves again and again, by more than the exponent of fp32 takes, and one that the first keys settle.
    const Shape shape{.batch = 1, .heads = 1, .queries = 40, .keys = 700, .head_dim = 32, .value_dim = 24};
    for (const bool grow : {true, false}) {
        Inputs inputs = make_inputs(shape, MaskKind::none, "normal", seed);
        for (std::int64_t i = 0; i < std::ssize(inputs.k); ++i) {
            const std::int64_t key = i / shape.head_dim;
            inputs.k[i] *= static_cast<float>(grow ? 1 + key : shape.keys - key) / 4.0F;
        }
        expect_within(GetParam().problem(inputs), grow ? "growing" : "shrinking");
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, EveryImplementation, testing::ValuesIn(test::all_runners()),
                         [](const auto& instance) { return test::text(instance.param); });

TEST(AccuracyRule, PassesTheReferenceAndTheYardstickItself) {
    const Inputs inputs = make_inputs({.batch = 1, .heads = 2, .queries = 20, .keys = 30, .head_dim = 16, .value_dim = 16},
                                      MaskKind::boolean, "normal", seed);
    std::vector<float> out(test::outputs(inputs.shape));
    plain(inputs.problem(), out);
    const Accuracy accuracy = measure_accuracy(inputs.problem(), out);
    EXPECT_TRUE(accuracy.within());
    EXPECT_EQ(accuracy.max_error, accuracy.plain_max_error);
    EXPECT_GT(accuracy.max_error, 0);
    EXPECT_EQ(accuracy.compared, std::ssize(out));
    EXPECT_EQ(accuracy.distinct, 2);
}

TEST(AccuracyRule, CatchesOneOutputThatIsWrongByThreeTimesTheBound) {
    const Inputs inputs =
        make_inputs({.batch = 2, .heads = 4, .queries = 32, .keys = 40, .head_dim = 64, .value_dim = 64}, MaskKind::none, "normal", seed);
    const Problem problem = inputs.problem();
    std::vector<float> out(test::outputs(inputs.shape));
    fused(problem, out.data(), strides_bnhd(32, 4, 64));
    const double bound = measure_accuracy(problem, out).bound;
    out[1234] += static_cast<float>(3 * bound);
    EXPECT_FALSE(measure_accuracy(problem, out).within());
}

TEST(AccuracyRule, CatchesNanWhereTheReferenceHasNumbersAndNumbersWhereItHasNan) {
    Inputs inputs =
        make_inputs({.batch = 1, .heads = 1, .queries = 4, .keys = 5, .head_dim = 8, .value_dim = 8}, MaskKind::none, "normal", seed);
    std::vector<float> out(test::outputs(inputs.shape));
    plain(inputs.problem(), out);
    std::vector<float> spoilt = out;
    spoilt[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(measure_accuracy(inputs.problem(), spoilt).within());
    spoilt[3] = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(measure_accuracy(inputs.problem(), spoilt).within());

    inputs.v[0] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(measure_accuracy(inputs.problem(), out).within());
}

TEST(AccuracyRule, ProvesNothingWhereThePlainFormOverflows) {
    Inputs inputs =
        make_inputs({.batch = 1, .heads = 1, .queries = 4, .keys = 5, .head_dim = 8, .value_dim = 8}, MaskKind::none, "normal", seed);
    for (float& number : inputs.q) number *= 1e30F;
    for (float& number : inputs.k) number *= 1e30F;
    std::vector<float> out(test::outputs(inputs.shape));
    plain(inputs.problem(), out);
    EXPECT_FALSE(measure_accuracy(inputs.problem(), out).within());
}

TEST(AccuracyRule, TheGuardForFewOutputsIsOffForLargeOnesAndBelowThePlainErrorForOrdinaryOnes) {
    const Inputs large =
        make_inputs({.batch = 1, .heads = 2, .queries = 64, .keys = 64, .head_dim = 64, .value_dim = 64}, MaskKind::none, "normal", seed);
    std::vector<float> out(test::outputs(large.shape));
    plain(large.problem(), out);
    EXPECT_EQ(measure_accuracy(large.problem(), out).single_rounding, 0);

    const Inputs small =
        make_inputs({.batch = 1, .heads = 1, .queries = 1, .keys = 2, .head_dim = 4, .value_dim = 1}, MaskKind::none, "normal", seed);
    std::vector<float> single(1);
    plain(small.problem(), single);
    const Accuracy accuracy = measure_accuracy(small.problem(), single);
    EXPECT_GT(accuracy.single_rounding, 0);
    // Two keys, scores and values of size 1: a few roundings, no more.
    EXPECT_LT(accuracy.single_rounding, 20 * 0x1p-24);
}

TEST(AccuracyRule, AllowsATypeItsOwnRoundingAndNoMore) {
    const Shape shape{.batch = 2, .heads = 4, .queries = 32, .keys = 40, .head_dim = 64, .value_dim = 64};
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        const Inputs inputs = make_inputs(shape, {.dtype = dtype}, "normal", seed);
        std::vector<float> out(test::outputs(shape));
        plain(inputs.problem(), out);
        double largest = 0;
        for (float& number : out) {
            number = base::round_to(dtype, number);
            largest = std::max(largest, std::abs(static_cast<double>(number)));
        }
        const Accuracy accuracy = measure_accuracy(inputs.problem(), out);
        EXPECT_TRUE(accuracy.within()) << base::name(dtype);
        EXPECT_LE(accuracy.bound, 1.01 * base::rounding_unit(dtype) * largest) << "the plain form's error is far below the rounding";
        // Two units in the last place instead of half a one.
        std::vector<float> wrong = out;
        const auto place = static_cast<std::size_t>(std::max_element(out.begin(), out.end()) - out.begin());
        wrong[place] += static_cast<float>(4 * base::rounding_unit(dtype) * largest);
        EXPECT_FALSE(measure_accuracy(inputs.problem(), wrong).within()) << base::name(dtype);
    }
}

TEST(AccuracyRule, RejectsOutputsOfAnotherSize) {
    const Inputs inputs =
        make_inputs({.batch = 1, .heads = 1, .queries = 2, .keys = 2, .head_dim = 4, .value_dim = 4}, MaskKind::none, "normal", seed);
    std::vector<float> out(7);
    EXPECT_THROW(measure_accuracy(inputs.problem(), out), base::Error);
}

}  // namespace
}  // namespace plumb::kernels::attention
