// SPDX-License-Identifier: Apache-2.0
// The fused gradients keep the accuracy rule on every mask, edge shape, type, distribution and scale, and the rule itself can fail.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/attention/gradient_accuracy.h"
#include "kernels/attention_cases.h"
#include "kernels/backward_case.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 52;

std::string text(const Accuracy& accuracy) {
    return "error " + std::to_string(accuracy.max_error) + " = " + std::to_string(accuracy.max_error / accuracy.bound) + " of the bound, " +
           std::to_string(accuracy.max_error / accuracy.plain_max_error) + " of plain, " +
           std::to_string(accuracy.max_error / accuracy.single_rounding) + " of single rounding";
}

class FusedBackwardAccuracy : public testing::TestWithParam<Isa> {
  protected:
    GradientAccuracy expect_within(const Backward& backward, const std::string& what) {
        const test::ForcedIsa forced(GetParam());
        fused_backward(backward);
        const GradientAccuracy accuracy = measure_gradient_accuracy(backward);
        EXPECT_TRUE(accuracy.dq.within()) << "dq " << what << " seed " << seed << ": " << text(accuracy.dq);
        EXPECT_TRUE(accuracy.dk.within()) << "dk " << what << " seed " << seed << ": " << text(accuracy.dk);
        EXPECT_TRUE(accuracy.dv.within()) << "dv " << what << " seed " << seed << ": " << text(accuracy.dv);
        return accuracy;
    }
};

TEST_P(FusedBackwardAccuracy, HoldsOnEveryMaskEdgeShapeAndType) {
    PLUMB_SKIP_WITHOUT(GetParam());
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const Shape& shape : test::edge_shapes()) {
            for (const MaskKind mask : test::all_masks) {
                test::BackwardCase made(shape, {.mask = mask, .dtype = dtype}, "normal", seed);
                expect_within(made.backward(), test::text(shape) + " " + test::text(mask) + " " + std::string(base::name(dtype)));
            }
        }
    }
}

TEST_P(FusedBackwardAccuracy, HoldsAcrossSeveralTilesAndBlocksByTheYardstickAlone) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shapes[] = {{.batch = 1, .heads = 1, .queries = 250, .keys = 300, .head_dim = 16, .value_dim = 24},
                            {.batch = 1, .heads = 2, .queries = 300, .keys = 200, .head_dim = 20, .value_dim = 8, .key_heads = 1}};
    for (const Shape& shape : shapes) {
        for (const MaskKind mask : test::all_masks) {
            for (const bool bias : {false, true}) {
                test::BackwardCase made(shape, {.mask = mask, .bias = bias}, "normal", seed);
                const std::string what = test::text(shape) + " " + test::text(mask) + (bias ? " bias" : "");
                const GradientAccuracy accuracy = expect_within(made.backward(), what);
                // Enough numbers for the yardstick alone.
                for (const Accuracy& tensor : {accuracy.dq, accuracy.dk, accuracy.dv})
                    EXPECT_LE(tensor.max_error, 2 * tensor.plain_max_error) << what;
            }
        }
    }
}

TEST_P(FusedBackwardAccuracy, HoldsOnEveryDistributionAndType) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 1, .heads = 2, .queries = 70, .keys = 150, .head_dim = 64, .value_dim = 48};
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const Distribution& distribution : distributions()) {
            for (const MaskKind mask : test::all_masks) {
                test::BackwardCase made(shape, {.mask = mask, .dtype = dtype}, distribution.name, seed);
                // Gradients of outlier channels leave the range of fp16 otherwise, as in training without a factor on the loss.
                if (dtype == base::Dtype::fp16) made.scale_dout(0x1p-10F);
                expect_within(made.backward(),
                              std::string(distribution.name) + " " + test::text(mask) + " " + std::string(base::name(dtype)));
            }
        }
    }
}

TEST_P(FusedBackwardAccuracy, HoldsForWindowsUnderPaddingAndBooleanMasks) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 2, .heads = 2, .queries = 110, .keys = 200, .head_dim = 16, .value_dim = 16};
    for (const MaskKind mask : {MaskKind::boolean, MaskKind::key_padding, MaskKind::causal, MaskKind::sliding_window}) {
        for (const auto& [left, right] : {std::pair{0, 0}, {20, -1}, {-1, 0}, {150, 30}}) {
            if (mask == MaskKind::causal && right > 0) continue;
            test::BackwardCase made(shape, {.mask = mask, .left = left, .right = mask == MaskKind::causal ? -1 : right}, "normal", seed);
            expect_within(made.backward(), test::text(mask) + " window " + std::to_string(left) + " " + std::to_string(right));
        }
    }
}

TEST_P(FusedBackwardAccuracy, HoldsOverScalesFromTinyToHugeAndNegative) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 1, .heads = 2, .queries = 40, .keys = 90, .head_dim = 32, .value_dim = 32};
    for (const bool bias : {false, true}) {
        for (const float scale : {1e-42F, 1e-30F, 1e-6F, 1.0F, -1.0F, 30.0F, -1e3F}) {
            test::BackwardCase made(shape, {.mask = MaskKind::causal, .bias = bias}, "normal", seed);
            made.scale = scale;
            made.run_forward();
            expect_within(made.backward(), "scale " + std::to_string(scale) + (bias ? " bias" : ""));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedBackwardAccuracy, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

class GradientAccuracyRule : public testing::Test {
  protected:
    GradientAccuracyRule()
        : made_({.batch = 1, .heads = 2, .queries = 20, .keys = 30, .head_dim = 16, .value_dim = 8}, {.mask = MaskKind::boolean}, "normal",
                seed),
          backward_(made_.backward()) {
        fused_backward(backward_);
    }

    test::BackwardCase made_;
    Backward backward_;
};

TEST_F(GradientAccuracyRule, ReportsWhatWasCompared) {
    const GradientAccuracy accuracy = measure_gradient_accuracy(backward_);
    EXPECT_TRUE(accuracy.within());
    EXPECT_EQ(accuracy.dq.compared, 2 * 20 * 16);
    EXPECT_EQ(accuracy.dk.compared, 2 * 30 * 16);
    EXPECT_EQ(accuracy.dv.compared, 2 * 30 * 8);
    for (const Accuracy& tensor : {accuracy.dq, accuracy.dk, accuracy.dv}) {
        EXPECT_EQ(tensor.distinct, 2);
        EXPECT_GT(tensor.max_error, 0);
        EXPECT_GT(tensor.plain_max_error, 0);
        EXPECT_GT(tensor.single_rounding, 0);
        // Scores, probabilities and gradients of size 1 here: a few roundings, no more.
        EXPECT_LT(tensor.bound, 200 * 0x1p-24);
    }
}

TEST_F(GradientAccuracyRule, CatchesOneNumberThatIsWrongByThreeTimesTheBound) {
    const GradientAccuracy accuracy = measure_gradient_accuracy(backward_);
    const struct {
        base::Numbers* tensor;
        double bound;
    } cases[] = {{&made_.dq, accuracy.dq.bound}, {&made_.dk, accuracy.dk.bound}, {&made_.dv, accuracy.dv.bound}};
    for (const auto& [tensor, bound] : cases) {
        const float before = tensor->at(77);
        tensor->set(77, before + static_cast<float>(3 * bound));
        EXPECT_FALSE(measure_gradient_accuracy(backward_).within());
        tensor->set(77, before);
    }
    EXPECT_TRUE(measure_gradient_accuracy(backward_).within());
}

TEST_F(GradientAccuracyRule, CatchesNanAndAForgottenFactor) {
    const float before = made_.dk.at(5);
    made_.dk.set(5, std::nanf(""));
    EXPECT_FALSE(measure_gradient_accuracy(backward_).within());
    made_.dk.set(5, before);
    for (std::size_t i = 0; i < made_.dq.size(); ++i) made_.dq.set(i, made_.dq.at(i) * 1.00001F);
    EXPECT_FALSE(measure_gradient_accuracy(backward_).within());
}

}  // namespace
}  // namespace plumb::kernels::attention
