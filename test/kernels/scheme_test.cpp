// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/scheme.h"

#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/attention/accuracy.h"
#include "kernels/attention/inputs.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::protect {
namespace {

using attention::Inputs;
using attention::Layout;
using attention::Problem;
using attention::Shape;

constexpr Fault nowhere{.key_head = -1, .row = -1, .key = -1, .column = -1};

Inputs inputs_of(const Shape& shape, base::Dtype dtype, std::string_view distribution, std::uint64_t seed = 3) {
    return attention::make_inputs(shape, {.layout = Layout::bhnd, .dtype = dtype}, distribution, seed);
}

struct Ran {
    base::Numbers out;
    Report report;
};

Ran run(const Scheme& scheme, const Problem& problem, Protection protection = {}) {
    Ran ran{base::Numbers(problem.dtype, static_cast<std::size_t>(attention::output_size(problem.shape))), {}};
    ran.report = scheme.run(problem, protection, ran.out.bytes());
    return ran;
}

Ran inject(const Scheme& scheme, const Problem& problem, Protection protection, const Fault& fault) {
    Ran ran{base::Numbers(problem.dtype, static_cast<std::size_t>(attention::output_size(problem.shape))), {}};
    ran.report = scheme.inject(problem, protection, fault, ran.out.bytes());
    return ran;
}

bool is_a_notebook_cell(const Scheme& scheme) {
    return scheme.name.starts_with("notebook");
}

TEST(Schemes, EveryOneHasAnOwnNameAndABaselineThatProtectsNothing) {
    std::set<std::string_view> names;
    for (const Scheme& each : schemes()) {
        EXPECT_EQ(&scheme(each.name), &each);
        EXPECT_EQ(scheme(each.baseline).level, Level::none) << each.name;
        EXPECT_FALSE(each.summary.empty());
        EXPECT_EQ(each.inject == nullptr, each.sites.empty());
        names.insert(each.name);
    }
    EXPECT_EQ(names.size(), schemes().size());
    try {
        scheme("decuopled");
        FAIL();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    }
}

TEST(Schemes, EveryOneButTheNotebooksMeetsTheAccuracyRuleAndIsQuiet) {
    const std::vector<Shape> shapes = {{1, 2, 70, 130, 64, 64}, {2, 4, 33, 65, 40, 24, 2}, {1, 1, 1, 1, 1, 1}, {1, 1, 100, 600, 128, 96}};
    for (const Isa isa : available_isas()) {
        const test::ForcedIsa forced(isa);
        for (const Shape& shape : shapes) {
            for (const base::Dtype dtype : base::all_dtypes()) {
                for (const char* distribution : {"uniform", "heavy"}) {
                    const Inputs inputs = inputs_of(shape, dtype, distribution);
                    const Problem problem = inputs.problem();
                    std::vector<double> reference(static_cast<std::size_t>(attention::output_size(shape)));
                    std::vector<float> plain(reference.size());
                    attention::reference(problem, reference);
                    attention::plain(problem, plain);
                    for (const Scheme& scheme : schemes()) {
                        if (is_a_notebook_cell(scheme)) continue;
                        for (const ThresholdKind kind : {ThresholdKind::calibrated, ThresholdKind::provable}) {
                            SCOPED_TRACE(std::string(scheme.name) + " " + distribution + " " + std::string(base::name(dtype)) + " " +
                                         std::string(name(isa)));
                            const Ran ran = run(scheme, problem, {.level = scheme.level, .thresholds = kind});
                            const auto accuracy = attention::measure_accuracy(problem, reference, plain, ran.out.widened());
                            EXPECT_TRUE(accuracy.within()) << accuracy.max_error << " of " << accuracy.bound;
                            if (!scheme.modelled) {
                                EXPECT_EQ(ran.report.alarms, 0);
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST(Schemes, EveryChoiceOfChecksIsQuietAlsoWhereKeysAreSplit) {
    const Inputs inputs = inputs_of({1, 1, 40, 2100, 32, 32}, base::Dtype::fp32, "uniform");
    const Problem problem = inputs.problem();
    for (int choice = 0; choice < 64; ++choice) {
        Checks checks;
        checks.scores = (choice & 1) != 0;
        checks.maxima = (choice & 2) != 0;
        checks.outputs = (choice & 4) != 0;
        checks.second_weights = (choice & 8) != 0;
        checks.exponentials = static_cast<ExponentialCheck>(choice / 16);
        const Ran ran = run(scheme("fused_detect"), problem, {.level = Level::detect, .checks = checks});
        EXPECT_EQ(ran.report.alarms, 0) << choice;
    }
}

TEST(Schemes, ProtectionChangesNoBitWhereNoFaultStrikes) {
    const Inputs inputs = inputs_of({2, 2, 100, 300, 64, 64}, base::Dtype::fp32, "normal");
    const Problem problem = inputs.problem();
    for (const Scheme& each : schemes()) {
        if (is_a_notebook_cell(each)) continue;
        const base::Numbers expected = run(scheme(each.baseline), problem, {.level = Level::none}).out;
        for (const Level level : {Level::none, Level::detect, Level::correct})
            EXPECT_EQ(run(each, problem, {.level = level}).out, expected) << each.name << " " << name(level);
    }
}

TEST(Schemes, ThreadsChangeNeitherBitsNorReports) {
    const Inputs inputs = inputs_of({2, 3, 50, 200, 32, 32}, base::Dtype::bf16, "normal");
    for (const Scheme& each : schemes()) {
        const Ran alone = run(each, inputs.problem(1), {.level = each.level});
        const Ran together = run(each, inputs.problem(5), {.level = each.level});
        EXPECT_EQ(alone.out, together.out) << each.name;
        EXPECT_EQ(alone.report.row_checks, together.report.row_checks) << each.name;
        EXPECT_EQ(alone.report.largest_residual, together.report.largest_residual) << each.name;
    }
}

TEST(Schemes, InjectionWithoutEffectGivesTheBitsOfRun) {
    const Inputs inputs = inputs_of({1, 2, 60, 300, 64, 32}, base::Dtype::fp16, "uniform");
    const Problem problem = inputs.problem();
    for (const Scheme& each : schemes()) {
        for (const Site site : each.sites) {
            Fault fault = nowhere;
            fault.site = site;
            const Ran plain = run(each, problem, {.level = each.level});
            const Ran injected = inject(each, problem, {.level = each.level}, fault);
            EXPECT_EQ(injected.out, plain.out) << each.name << " " << name(site);
            EXPECT_EQ(injected.report.alarms, plain.report.alarms) << each.name << " " << name(site);
        }
    }
}

TEST(Schemes, EverySiteThatIsOfferedReachesTheOutputOrAChecksum) {
    const Inputs inputs = inputs_of({1, 2, 60, 300, 64, 32}, base::Dtype::fp32, "uniform");
    const Problem problem = inputs.problem();
    const std::set<Site> harmless = {Site::key_sum, Site::value_sum, Site::output_sum};
    for (const Scheme& each : schemes()) {
        const base::Numbers clean = each.sites.empty() ? base::Numbers() : run(each, problem, {.level = Level::none}).out;
        for (const Site site : each.sites) {
            if (site == Site::recomputed_output) continue;
            const Fault fault{.site = site, .model = FaultModel::nan, .key_head = 1, .row = 17, .key = 200, .column = 5};
            const Ran struck = inject(each, problem, {.level = Level::none}, fault);
            EXPECT_EQ(struck.out == clean, harmless.contains(site)) << each.name << " " << name(site);
        }
    }
}

TEST(Decoupled, CorrectsWhatItsChecksSeeBitForBit) {
    const Inputs inputs = inputs_of({1, 2, 100, 300, 64, 64}, base::Dtype::bf16, "normal");
    const Problem problem = inputs.problem();
    const Scheme& decoupled = scheme("decoupled");
    const Ran clean = run(decoupled, problem, {.level = Level::correct});
    for (const Site site : {Site::score, Site::exponential, Site::maximum, Site::row_sum, Site::normaliser, Site::output, Site::key,
                            Site::value, Site::skipped_block}) {
        const Fault fault{.site = site, .model = FaultModel::infinity, .key_head = 1, .row = 55, .key = 17, .column = 9};
        const Ran detected = inject(decoupled, problem, {.level = Level::detect}, fault);
        EXPECT_NE(detected.out, clean.out) << name(site);
        EXPECT_GT(detected.report.unresolved, 0) << name(site);
        EXPECT_FALSE(detected.report.trusted());
        const Ran corrected = inject(decoupled, problem, {.level = Level::correct}, fault);
        EXPECT_EQ(corrected.out, clean.out) << name(site);
        EXPECT_GT(corrected.report.corrected, 0) << name(site);
        EXPECT_TRUE(corrected.report.trusted()) << name(site);
        ASSERT_FALSE(corrected.report.evidence.empty());
        EXPECT_EQ(corrected.report.evidence.front().key_head, 1);
    }
}

TEST(Decoupled, AFaultOfAChecksumEndsAsAFalseAlarmAndNotAsACorrection) {
    const Inputs inputs = inputs_of({1, 1, 100, 300, 64, 64}, base::Dtype::fp32, "normal");
    const Problem problem = inputs.problem();
    const Scheme& decoupled = scheme("decoupled");
    const Ran clean = run(decoupled, problem, {.level = Level::correct});
    for (const Site site : {Site::key_sum, Site::value_sum}) {
        const Fault fault{.site = site, .model = FaultModel::infinity, .row = 5, .key = 7, .column = 9};
        const Ran struck = inject(decoupled, problem, {.level = Level::correct}, fault);
        EXPECT_EQ(struck.out, clean.out) << name(site);
        EXPECT_GT(struck.report.false_alarms, 0) << name(site);
        EXPECT_EQ(struck.report.corrected, 0) << name(site);
    }
}

TEST(Decoupled, APermanentDefectOfTheProductIsReportedWhereRecomputingAgreesWithIt) {
    const Inputs inputs = inputs_of({1, 1, 100, 300, 64, 64}, base::Dtype::fp32, "normal");
    const Problem problem = inputs.problem();
    const Fault fault{.site = Site::score, .model = FaultModel::stuck_lane, .bit = 29, .row = 5, .key = 7};
    const Ran stuck = inject(scheme("decoupled"), problem, {.level = Level::correct}, fault);
    EXPECT_NE(stuck.out, run(scheme("decoupled"), problem).out);
    EXPECT_GT(stuck.report.unresolved, 0);
}

TEST(Decoupled, AWrongValueIsRepairedInEveryRowNotOnlyInThoseThatAlarm) {
    const Inputs inputs = inputs_of({1, 1, 400, 300, 64, 64}, base::Dtype::fp32, "normal");
    const Problem problem = inputs.problem();
    const Ran clean = run(scheme("decoupled"), problem, {.level = Level::correct});
    for (int bit = 0; bit < 32; ++bit) {
        const Fault fault{.site = Site::value, .model = FaultModel::bit, .bit = bit, .key = 7, .column = 3};
        const Ran struck = inject(scheme("decoupled"), problem, {.level = Level::correct}, fault);
        if (struck.report.alarms > 0) {
            EXPECT_EQ(struck.out, clean.out) << bit;
        }
    }
}

TEST(Decoupled, APermanentDefectHitsBothSoftmaxesAlikeAndIsNotSeen) {
    const Inputs inputs = inputs_of({1, 1, 100, 300, 64, 64}, base::Dtype::fp32, "normal");
    const Problem problem = inputs.problem();
    const Scheme& decoupled = scheme("decoupled");
    const Ran clean = run(decoupled, problem, {.level = Level::correct});
    Fault fault{.site = Site::exponential, .model = FaultModel::bit, .bit = 22, .row = 5, .key = 7};
    EXPECT_EQ(inject(decoupled, problem, {.level = Level::correct}, fault).out, clean.out);
    fault.model = FaultModel::stuck_lane;
    const Ran stuck = inject(decoupled, problem, {.level = Level::correct}, fault);
    EXPECT_NE(stuck.out, clean.out);
    EXPECT_EQ(stuck.report.alarms, 0);
}

TEST(FusedCorrect, APermanentDefectThatBlowsUpTheOutputIsNotTakenForNoise) {
    const Inputs inputs = inputs_of({1, 1, 512, 512, 64, 64}, base::Dtype::fp32, "uniform");
    const Problem problem = inputs.problem();
    // The highest bit of the exponent: outputs leave the range, and with them the threshold that scales with the outputs.
    const Fault fault{.site = Site::normaliser, .model = FaultModel::stuck_lane, .bit = 30, .row = 16, .key = 57};
    const Ran stuck = inject(scheme("fused_correct"), problem, {.level = Level::correct}, fault);
    EXPECT_NE(stuck.out, run(scheme("fused_correct"), problem, {.level = Level::correct}).out);
    EXPECT_FALSE(stuck.report.trusted());
}

TEST(ExtremesOnly, IsBlindToAFaultBelowItsThreshold) {
    const Inputs inputs = inputs_of({1, 1, 100, 300, 64, 64}, base::Dtype::fp32, "uniform");
    const Problem problem = inputs.problem();
    // The highest bit of an output's significand: half of the output.
    const Fault fault{.site = Site::output, .model = FaultModel::bit, .bit = 22, .row = 5, .key = 299, .column = 3};
    EXPECT_EQ(inject(scheme("extremes_only"), problem, {.level = Level::detect}, fault).report.alarms, 0);
    EXPECT_GT(inject(scheme("decoupled"), problem, {.level = Level::detect}, fault).report.alarms, 0);
    EXPECT_GT(run(scheme("fixed_threshold"), problem, {.level = Level::detect}).report.alarms, 0) << "equality of sums";
}

TEST(Notebook, ASoftmaxOfASoftmaxIsNotAttention) {
    const Inputs inputs = inputs_of({1, 2, 60, 120, 64, 64}, base::Dtype::fp16, "uniform");
    const Problem problem = inputs.problem();
    for (const char* cell : {"notebook_dmr", "notebook_all"}) {
        EXPECT_FALSE(attention::measure_accuracy(problem, run(scheme(cell), problem).out.widened()).within()) << cell;
        EXPECT_EQ(run(scheme(cell), problem).report.corrected, 0);
    }
    EXPECT_TRUE(attention::measure_accuracy(problem, run(scheme("notebook_abft"), problem).out.widened()).within());
}

TEST(Notebook, EqualityOfSumsAlarmsWithoutAFault) {
    int alarms = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        const Inputs inputs = inputs_of({1, 2, 60, 120, 64, 64}, base::Dtype::fp16, "uniform", seed);
        alarms += static_cast<int>(run(scheme("notebook_abft"), inputs.problem()).report.alarms);
    }
    EXPECT_GT(alarms, 0);
}

TEST(Unfused, RefusesWhatItDoesNotOfferAndSaysWhy) {
    Inputs inputs = inputs_of({1, 1, 8, 8, 8, 8}, base::Dtype::fp32, "uniform");
    Problem problem = inputs.problem();
    problem.mask.kind = attention::MaskKind::causal;
    EXPECT_NE(scheme("unfused").reason(problem).find("masks"), std::string::npos);
    EXPECT_THROW(run(scheme("unfused"), problem), base::Error);
}

}  // namespace
}  // namespace plumb::kernels::protect
