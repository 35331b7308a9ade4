// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/protected_backward.h"

#include <cstring>

#include <gtest/gtest.h>

#include "kernels/attention_cases.h"
#include "kernels/backward_case.h"

namespace plumb::test {
namespace {

using kernels::attention::Backward;
using kernels::attention::MaskKind;
using kernels::attention::Shape;
using kernels::protect::Level;
using kernels::protect::Protection;
using kernels::protect::Report;
using kernels::protect::ThresholdKind;

Protection at(Level level) {
    Protection protection;
    protection.level = level;
    return protection;
}

TEST(ProtectedBackward, RaisesNoFalseAlarmOnAnyMaskDistributionOrType) {
    for (const Shape& shape : {Shape{.batch = 2, .heads = 4, .queries = 70, .keys = 90, .head_dim = 32, .value_dim = 24, .key_heads = 2},
                               Shape{.batch = 1, .heads = 1, .queries = 130, .keys = 260, .head_dim = 64, .value_dim = 64}}) {
        for (const MaskKind mask : all_masks) {
            for (const auto& distribution : kernels::attention::distributions()) {
                for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16}) {
                    BackwardCase made(shape, {.mask = mask, .dtype = dtype}, distribution.name, 17);
                    const Backward backward = made.backward(2);
                    Protection protection = at(Level::correct);
                    for (const ThresholdKind kind : {ThresholdKind::calibrated, ThresholdKind::provable}) {
                        protection.thresholds = kind;
                        const Report report = protected_backward(backward, protection);
                        EXPECT_EQ(report.alarms, 0)
                            << text(shape) << " " << text(mask) << " " << distribution.name << " " << base::name(dtype) << " "
                            << (report.evidence.empty() ? "" : describe(report.evidence[0]));
                    }
                }
            }
        }
    }
}

TEST(ProtectedBackward, GivesTheBitsOfFusedBackward) {
    const Shape shape{.batch = 1, .heads = 2, .queries = 40, .keys = 60, .head_dim = 16, .value_dim = 16};
    BackwardCase plain(shape, {}, "normal", 3);
    fused_backward(plain.backward());
    BackwardCase guarded(shape, {}, "normal", 3);
    const Report report = protected_backward(guarded.backward(), at(Level::correct));
    EXPECT_EQ(report.row_checks, 2 * 16);
    for (const auto& [a, b] : {std::pair(&plain.dq, &guarded.dq), std::pair(&plain.dk, &guarded.dk), std::pair(&plain.dv, &guarded.dv)})
        EXPECT_EQ(a->widened(), b->widened());
}

TEST(ProtectedBackward, FindsAValueGradientThatIsWrong) {
    const Shape shape{.batch = 1, .heads = 2, .queries = 40, .keys = 60, .head_dim = 16, .value_dim = 16};
    BackwardCase made(shape, {}, "normal", 3);
    const Backward backward = made.backward();
    fused_backward(backward);
    EXPECT_EQ(kernels::protect::check_value_gradients(backward).alarms, 0);
    auto* dv = static_cast<float*>(backward.dv);
    const float right = dv[100];
    for (const float wrong : {-right, right + 0.01F, std::nanf(""), INFINITY}) {
        dv[100] = wrong;
        const Report report = kernels::protect::check_value_gradients(backward);
        EXPECT_EQ(report.alarms, 1) << wrong;
        EXPECT_EQ(report.unresolved, 1);
        EXPECT_EQ(report.evidence[0].alarm, kernels::protect::Alarm::gradients);
    }
}

TEST(ProtectedBackward, ALogSumExpThatWasCorruptedBetweenThePassesIsFoundAndNotCalledCorrected) {
    const Shape shape{.batch = 1, .heads = 1, .queries = 64, .keys = 256, .head_dim = 32, .value_dim = 32};
    BackwardCase made(shape, {}, "normal", 3);
    made.lse[20] += 0.05F;
    const Report report = protected_backward(made.backward(), at(Level::correct));
    EXPECT_EQ(report.alarms, 1);
    EXPECT_EQ(report.unresolved, 1);
    EXPECT_FALSE(report.trusted());
}

}  // namespace
}  // namespace plumb::test
