// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/protected_attention.h"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "kernels/attention_cases.h"
#include "kernels/isa_guard.h"
#include "kernels/protect_cases.h"

namespace plumb::test {
namespace {

using kernels::attention::InputOptions;
using kernels::attention::Layout;
using kernels::protect::ExponentialCheck;
using kernels::protect::Fault;
using kernels::protect::FaultModel;
using kernels::protect::Level;
using kernels::protect::Outcome;
using kernels::protect::Protection;
using kernels::protect::Site;
using kernels::protect::ThresholdKind;

constexpr std::array all_exponential_checks = {ExponentialCheck::none, ExponentialCheck::sum, ExponentialCheck::band,
                                               ExponentialCheck::twice};

Protection protection(Level level, ExponentialCheck exponentials = ExponentialCheck::band) {
    Protection made;
    made.level = level;
    made.checks.exponentials = exponentials;
    return made;
}

class ProtectedAttention : public testing::TestWithParam<kernels::Isa> {};

INSTANTIATE_TEST_SUITE_P(Every, ProtectedAttention, testing::ValuesIn(all_isas),
                         [](const auto& parameter) { return std::string(kernels::name(parameter.param)); });

TEST_P(ProtectedAttention, GivesTheBitsOfFusedAndNoAlarmOnEveryMaskAndEdgeShape) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const ForcedIsa forced(GetParam());
    for (const Shape& shape : edge_shapes()) {
        for (const MaskKind mask : all_masks) {
            for (const bool bias : {false, true}) {
                const ProtectedCase made(shape, {.mask = mask, .bias = bias}, "normal", 11, 2);
                for (const ExponentialCheck check : all_exponential_checks) {
                    if (bias && check != ExponentialCheck::band) continue;
                    const Outcomes run = made.run(protection(Level::correct, check));
                    EXPECT_TRUE(run.same_output(made.clean())) << text(shape) << " " << text(mask) << " bias " << bias;
                    EXPECT_EQ(run.report.alarms, 0) << text(shape) << " " << text(mask) << " " << name(check)
                                                    << (run.report.evidence.empty() ? "" : describe(run.report.evidence.front()));
                }
            }
        }
    }
}

TEST_P(ProtectedAttention, RaisesNoFalseAlarmOnAnyDistributionTypeOrThreshold) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const ForcedIsa forced(GetParam());
    const bool slow = GetParam() == kernels::Isa::scalar;
    const Shape shape{.batch = 1, .heads = 2, .queries = slow ? 60 : 100, .keys = slow ? 400 : 1500, .head_dim = 64, .value_dim = 64};
    for (const auto& distribution : kernels::attention::distributions()) {
        for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16}) {
            for (const MaskKind mask : {MaskKind::none, MaskKind::causal}) {
                for (const ThresholdKind kind : {ThresholdKind::calibrated, ThresholdKind::provable}) {
                    const ProtectedCase made(shape, {.mask = mask, .dtype = dtype}, distribution.name.data(), 5, 2);
                    Protection asked = protection(Level::detect);
                    asked.thresholds = kind;
                    // What checks exponentials has thresholds of its own.
                    if (kind == ThresholdKind::provable) asked.checks.exponentials = ExponentialCheck::sum;
                    const Outcomes run = made.run(asked);
                    EXPECT_TRUE(run.same_output(made.clean())) << distribution.name;
                    EXPECT_EQ(run.report.alarms, 0)
                        << distribution.name << " " << base::name(dtype) << " " << text(mask) << " " << name(kind)
                        << (run.report.evidence.empty() ? "" : describe(run.report.evidence.front()));
                    EXPECT_GT(run.report.row_checks, 0) << distribution.name;
                }
            }
        }
    }
}

TEST(ProtectedRun, TellsTheSameForAnyNumberOfThreads) {
    const Shape shape{.batch = 2, .heads = 3, .queries = 230, .keys = 1500, .head_dim = 64, .value_dim = 48};
    const Fault fault{.site = Site::output, .bit = 25, .key_head = 4, .row = 199, .key = 700, .column = 7};
    const Outcomes one = ProtectedCase(shape, {}, "normal", 3, 1).inject(protection(Level::correct), fault);
    for (const int threads : {2, 3, 8}) {
        const Outcomes many = ProtectedCase(shape, {}, "normal", 3, threads).inject(protection(Level::correct), fault);
        EXPECT_TRUE(many.same_output(one));
        EXPECT_EQ(many.report.row_checks, one.report.row_checks);
        ASSERT_EQ(many.report.evidence.size(), 1U);
        EXPECT_EQ(many.report.evidence[0].row, one.report.evidence[0].row);
        EXPECT_EQ(many.report.evidence[0].residual, one.report.evidence[0].residual);
    }
}

/// Sites whose single transient faults must be found whenever they matter, and be repaired to the bit.
constexpr std::array repaired_sites = {
    Site::query,       Site::key,         Site::value,   Site::score,  Site::score_stored, Site::maximum,       Site::correction,
    Site::exponential, Site::probability, Site::row_sum, Site::output, Site::normaliser,   Site::skipped_block, Site::recomputed_output};

TEST_P(ProtectedAttention, RepairsHarmfulBitFlipsOfEverySiteToTheBit) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const ForcedIsa forced(GetParam());
    constexpr std::uint64_t seed = 20261125;
    const base::RandomStream random(seed, "protected attention test");
    // Several tiles and heads side by side, so that keys and values are packed and the caller's memory is a second source of them.
    const Shape shape{.batch = 1, .heads = 2, .queries = 200, .keys = 300, .head_dim = 32, .value_dim = 32};
    const ProtectedCase made(shape, {}, "normal", 9);
    std::uint64_t draw = 0;
    int harmful_faults = 0;
    for (const Site site : repaired_sites) {
        int harmful = 0;
        int escaped = 0;
        for (int trial = 0; trial < (GetParam() == kernels::Isa::scalar ? 20 : 60); ++trial, draw += 8) {
            const Fault fault{.site = site,
                              .model = FaultModel::bit,
                              .bit = static_cast<int>(random.below(draw, 32)),
                              .draw = draw,
                              .key_head = static_cast<std::int64_t>(random.below(draw + 1, 2)),
                              .row = static_cast<std::int64_t>(random.below(draw + 2, 200)),
                              .key = static_cast<std::int64_t>(random.below(draw + 3, 300)),
                              .column = static_cast<std::int64_t>(random.below(draw + 4, 32))};
            const Outcomes bare = made.inject(protection(Level::none), fault);
            const Outcomes guarded = made.inject(protection(Level::correct, ExponentialCheck::twice), fault);
            if (guarded.report.alarms > 0) {
                EXPECT_TRUE(guarded.report.trusted()) << describe(fault) << ": " << describe(guarded.report.evidence.front());
                EXPECT_TRUE(guarded.same_output(made.clean())) << describe(fault);
            }
            if (made.change(bare) <= 1e-3 && site != Site::recomputed_output) continue;
            ++harmful;
            if (guarded.report.alarms == 0) ++escaped;
        }
        harmful_faults += harmful;
        EXPECT_LE(escaped, 1) << name(site) << ": " << escaped << " of " << harmful << " harmful faults raised no alarm, seed " << seed;
    }
    EXPECT_GT(harmful_faults, 80);
}

TEST(ProtectedRun, EveryFaultModelIsFoundInTheScores) {
    const Shape shape{.batch = 1, .heads = 1, .queries = 96, .keys = 512, .head_dim = 64, .value_dim = 64};
    const ProtectedCase made(shape, {}, "normal", 2);
    for (int i = 0; i < kernels::protect::fault_model_count; ++i) {
        const auto model = static_cast<FaultModel>(i);
        const Fault fault{.site = Site::score, .model = model, .bit = 27, .draw = 5, .row = 40, .key = 200};
        const Outcomes found = made.inject(protection(Level::detect), fault);
        EXPECT_GT(found.report.alarms, 0) << name(model);
        EXPECT_EQ(found.report.unresolved, found.report.alarms) << name(model);
        if (repeats(model)) continue;
        const Outcomes repaired = made.inject(protection(Level::correct), fault);
        EXPECT_TRUE(repaired.same_output(made.clean())) << name(model);
        EXPECT_EQ(repaired.report.corrected, 1) << name(model);
    }
}

TEST(ProtectedRun, APermanentFaultIsReportedAndNotCalledCorrected) {
    const Shape shape{.batch = 1, .heads = 1, .queries = 96, .keys = 512, .head_dim = 64, .value_dim = 64};
    const ProtectedCase made(shape, {}, "normal", 2);
    const Fault fault{.site = Site::score, .model = FaultModel::stuck_lane, .bit = 30, .row = 3};
    const Outcomes run = made.inject(protection(Level::correct), fault);
    EXPECT_GT(run.report.unresolved, 0);
    EXPECT_EQ(run.report.corrected, 0);
    EXPECT_FALSE(run.report.trusted());
}

TEST(ProtectedRun, KeysThatChangeInTheCallersMemoryAreReportedBecauseNoSourceIsLeft) {
    // One tile of fp32 keys is read where it is.
    const Shape shape{.batch = 1, .heads = 1, .queries = 40, .keys = 256, .head_dim = 64, .value_dim = 64};
    const ProtectedCase made(shape, {.layout = Layout::bhnd}, "normal", 4);
    const Fault fault{.site = Site::key, .bit = 30, .row = 0, .key = 130, .column = 3};
    const Outcomes run = made.inject(protection(Level::correct), fault);
    EXPECT_EQ(run.report.unresolved, 1);
    EXPECT_FALSE(run.report.trusted());
}

TEST(ProtectedRun, RowsWithoutFiniteOperandsAreCountedAndNotCalledFaults) {
    for (const std::int64_t queries : {3, 60}) {
        const Shape shape{.batch = 1, .heads = 2, .queries = queries, .keys = 200, .head_dim = 16, .value_dim = 16};
        for (const float number : {INFINITY, NAN}) {
            for (const int operand : {0, 1, 2}) {
                kernels::attention::Inputs inputs = make_inputs(shape, {.layout = Layout::bhnd}, "normal", 8);
                (operand == 0 ? inputs.q : operand == 1 ? inputs.k : inputs.v)[2 * 16] = number;
                const kernels::attention::Problem problem = inputs.problem();
                std::vector<float> out(static_cast<std::size_t>(output_size(shape)));
                const auto strides = kernels::attention::strides_bnhd(queries, 2, 16);
                for (const ExponentialCheck check : all_exponential_checks) {
                    const auto report = protected_attention(problem, protection(Level::correct, check), out.data(), strides);
                    EXPECT_EQ(report.unchecked_rows, operand == 0 ? 1 : queries) << operand << " " << number;
                    EXPECT_EQ(report.alarms, 0) << operand << " " << number << " " << name(check) << " "
                                                << (report.evidence.empty() ? "" : describe(report.evidence.front()));
                }
            }
        }
    }
}

TEST(ProtectedRun, RowSumsTellWhenAStoredOutputChanges) {
    const Shape shape{.batch = 1, .heads = 2, .queries = 33, .keys = 100, .head_dim = 32, .value_dim = 24};
    for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16}) {
        const ProtectedCase made(shape, {.dtype = dtype}, "normal", 6);
        const auto strides = kernels::attention::strides_bnhd(33, 2, 24);
        const Outcomes run = made.run(protection(Level::detect));
        EXPECT_EQ(kernels::protect::changed_rows(shape, dtype, run.out.data(), strides, run.row_sums.data()), std::vector<std::int64_t>{});
        const Fault fault{.site = Site::stored_output, .model = FaultModel::sign, .key_head = 1, .row = 7, .column = 5};
        const Outcomes struck = made.inject(protection(Level::detect), fault);
        EXPECT_EQ(kernels::protect::changed_rows(shape, dtype, struck.out.data(), strides, struck.row_sums.data()),
                  std::vector<std::int64_t>{33 + 7});
    }
}

TEST(ProtectedRun, InjectionWithoutEffectGivesTheSameBits) {
    const Shape shape{.batch = 1, .heads = 2, .queries = 70, .keys = 300, .head_dim = 32, .value_dim = 32};
    const ProtectedCase made(shape, {}, "normal", 9);
    // A key that no block has.
    const Fault nowhere{.site = Site::score, .bit = 30, .row = 1, .key = 5000};
    for (const Level level : {Level::none, Level::detect, Level::correct}) {
        const Outcomes run = made.inject(protection(level), nowhere);
        EXPECT_TRUE(run.same_output(made.clean()));
        EXPECT_EQ(run.report.alarms, 0);
    }
}

TEST(ProtectedRun, DecodingIsGuardedToo) {
    const Shape shape{.batch = 2, .heads = 4, .queries = 1, .keys = 3000, .head_dim = 64, .value_dim = 64, .key_heads = 2};
    for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16}) {
        const ProtectedCase made(shape, {.layout = Layout::bhnd, .dtype = dtype}, "normal", 12);
        EXPECT_EQ(made.run(protection(Level::correct)).report.alarms, 0);
        for (const Site site : {Site::score, Site::exponential, Site::probability, Site::row_sum, Site::output, Site::maximum,
                                Site::correction, Site::skipped_block, Site::normaliser}) {
            const Fault fault{.site = site, .bit = 30, .key_head = 2, .row = 1, .key = 1500, .column = 9};
            const Outcomes run = made.inject(protection(Level::correct, ExponentialCheck::twice), fault);
            EXPECT_GT(run.report.alarms, 0) << name(site);
            EXPECT_TRUE(run.report.trusted()) << name(site);
            EXPECT_TRUE(run.same_output(made.clean())) << name(site);
        }
    }
}

TEST(ProtectedRun, OtherPrecisionsAreRefusedWithTheReason) {
    const ProtectedCase made({.queries = 2, .keys = 2, .head_dim = 8, .value_dim = 8}, {}, "normal", 1);
    kernels::attention::Problem problem = made.problem();
    problem.precision = kernels::attention::Precision::medium;
    std::vector<float> out(16);
    EXPECT_THROW(protected_attention(problem, protection(Level::detect), out.data(), kernels::attention::strides_bnhd(2, 1, 8)),
                 base::Error);
}

}  // namespace
}  // namespace plumb::test
