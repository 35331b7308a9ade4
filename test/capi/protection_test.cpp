// SPDX-License-Identifier: Apache-2.0
// Levels of protection through the C functions: the same bits, a report that says what was checked, and evidence where checks alarm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "capi/given.h"
#include "kernels/attention/inputs.h"
#include "plumb/attention.h"

namespace plumb {
namespace {

using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Shape;
using testing::HasSubstr;

constexpr std::uint64_t seed = 89;
constexpr std::int32_t every_level[] = {PLUMB_ATTENTION_PROTECT_NONE, PLUMB_ATTENTION_PROTECT_DETECT, PLUMB_ATTENTION_PROTECT_CORRECT};
const Shape shape{.batch = 2, .heads = 4, .queries = 37, .keys = 53, .head_dim = 16, .value_dim = 24, .key_heads = 2};

plumb_attention_evidence untouched() {
    plumb_attention_evidence record = {};
    record.check = -7;
    return record;
}

/// One forward call with room for `capacity` records.
struct Protected {
    Protected(const Inputs& inputs, std::int32_t level, std::int64_t capacity = 8) : out(inputs.dtype, output_size(shape)) {
        const plumb_attention_problem problem = test::c_problem(inputs.problem(2));
        const plumb_attention_strides to = plumb_attention_strides_bhnd(shape.heads, shape.queries, shape.value_dim);
        report = plumb_attention_report_default(evidence.data(), capacity);
        status = plumb_attention_forward(&problem, level, out.data(), &to, nullptr, &report);
    }

    std::vector<plumb_attention_evidence> evidence = std::vector<plumb_attention_evidence>(9, untouched());
    plumb_attention_report report = {};
    plumb_attention_status status = PLUMB_ATTENTION_INTERNAL;
    base::Numbers out;
};

/// Values of batch 1, key head 1 whose sums pass the largest fp32 number, though each is finite: an alarm that no fault is behind.
Inputs with_overflow() {
    Inputs inputs = make_inputs(shape, {.layout = Layout::bhnd}, "normal", seed);
    const std::size_t last_head = inputs.v.size() - shape.keys * shape.value_dim;
    for (std::size_t m = 0; m < 53; ++m) inputs.v[last_head + m * shape.value_dim + 3] = 3e38F;
    return inputs;
}

TEST(CProtection, GivesTheSameBitsAtEveryLevelAndSaysWhatItChecked) {
    for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16}) {
        for (const MaskKind mask : {MaskKind::none, MaskKind::boolean, MaskKind::key_padding, MaskKind::causal}) {
            const Inputs inputs = make_inputs(shape, {.mask = mask, .layout = Layout::bhnd, .dtype = dtype}, "normal", seed);
            const Protected plain(inputs, PLUMB_ATTENTION_PROTECT_NONE);
            EXPECT_EQ(plain.report.row_checks, 0);
            EXPECT_EQ(plain.report.trusted, 0);
            for (const std::int32_t level : every_level) {
                const Protected run(inputs, level);
                ASSERT_EQ(run.status, PLUMB_ATTENTION_OK) << plumb_attention_last_error();
                EXPECT_EQ(run.out, plain.out) << "level " << level;
                if (level == PLUMB_ATTENTION_PROTECT_NONE) continue;
                EXPECT_GT(run.report.row_checks, shape.batch * shape.heads * shape.queries);
                EXPECT_EQ(run.report.alarms, 0);
                EXPECT_EQ(run.report.trusted, 1);
                EXPECT_GT(run.report.largest_residual, 0);
                EXPECT_LE(run.report.largest_residual, 1);
            }
        }
    }
}

TEST(CProtection, DetectDoesNotTrustWhatAlarmsAndNamesThePlace) {
    const Protected run(with_overflow(), PLUMB_ATTENTION_PROTECT_DETECT);
    EXPECT_EQ(run.status, PLUMB_ATTENTION_UNTRUSTED);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("unresolved"));
    EXPECT_GT(run.report.alarms, 0);
    EXPECT_EQ(run.report.unresolved, run.report.alarms);
    EXPECT_EQ(run.report.trusted, 0);
    ASSERT_GT(run.report.evidence_count, 0);
    for (std::int64_t i = 0; i < run.report.evidence_count; ++i) {
        const plumb_attention_evidence& record = run.evidence[i];
        EXPECT_EQ(record.outcome, PLUMB_ATTENTION_DETECTED);
        EXPECT_EQ(record.batch, 1);
        EXPECT_EQ(record.key_head, 1);
        if (record.head >= 0) {
            EXPECT_EQ(record.head / 2, 1);
        }
        EXPECT_LT(record.query, shape.queries);
    }
    EXPECT_TRUE(std::isinf(run.out.at(run.out.size() - shape.value_dim + 3)));
}

TEST(CProtection, CorrectDoesNotTrustWhatAlarmsAgainAndCannotBeRounding) {
    const Protected run(with_overflow(), PLUMB_ATTENTION_PROTECT_CORRECT);
    EXPECT_EQ(run.status, PLUMB_ATTENTION_UNTRUSTED);
    EXPECT_GT(run.report.unresolved, 0);
    EXPECT_EQ(run.report.unresolved + run.report.corrected + run.report.false_alarms, run.report.alarms);
    EXPECT_EQ(run.report.trusted, 0);
    ASSERT_GT(run.report.evidence_count, 0);
    EXPECT_EQ(run.evidence[0].outcome, PLUMB_ATTENTION_UNRESOLVED);
    EXPECT_EQ(run.evidence[0].check, PLUMB_ATTENTION_CHECK_OUTPUTS);
}

TEST(CProtection, CountsRowsThatNoCheckCanHold) {
    Inputs inputs = make_inputs(shape, {.layout = Layout::bhnd}, "normal", seed);
    inputs.q[3] = std::numeric_limits<float>::infinity();
    const Protected run(inputs, PLUMB_ATTENTION_PROTECT_CORRECT);
    EXPECT_EQ(run.report.unchecked_rows, 1);
}

TEST(CProtection, WritesNoMoreEvidenceThanThereIsRoomFor) {
    const Protected run(with_overflow(), PLUMB_ATTENTION_PROTECT_DETECT, 1);
    EXPECT_EQ(run.report.evidence_count, 1);
    EXPECT_EQ(run.evidence[1].check, untouched().check);
    const Protected none(with_overflow(), PLUMB_ATTENTION_PROTECT_DETECT, 0);
    EXPECT_EQ(none.report.evidence_count, 0);
    EXPECT_EQ(none.evidence[0].check, untouched().check);
    EXPECT_EQ(none.report.alarms, run.report.alarms);
}

TEST(CProtection, RefusesAReportWithoutSizes) {
    const Inputs inputs = with_overflow();
    const plumb_attention_problem problem = test::c_problem(inputs.problem());
    const plumb_attention_strides to = plumb_attention_strides_bhnd(shape.heads, shape.queries, shape.value_dim);
    base::Numbers out(inputs.dtype, output_size(shape));
    plumb_attention_evidence record = {};
    plumb_attention_report report = plumb_attention_report_default(&record, 1);
    report.evidence_size = 0;
    EXPECT_EQ(plumb_attention_forward(&problem, 0, out.data(), &to, nullptr, &report), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("report.evidence_size is 0"));
    report = plumb_attention_report_default(&record, -1);
    EXPECT_EQ(plumb_attention_forward(&problem, 0, out.data(), &to, nullptr, &report), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("report.evidence_capacity is -1"));
    report = plumb_attention_report{};
    EXPECT_EQ(plumb_attention_forward(&problem, 0, out.data(), &to, nullptr, &report), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("report.struct_size is 0"));
}

TEST(CProtection, IsThereInFp32ProductsOnly) {
    plumb_attention_problem asked = plumb_attention_problem_default();
    asked.queries = asked.keys = 8;
    asked.head_dim = asked.value_dim = 4;
    for (const std::int32_t level : {PLUMB_ATTENTION_PROTECT_DETECT, PLUMB_ATTENTION_PROTECT_CORRECT}) {
        asked.precision = PLUMB_ATTENTION_HIGHEST;
        EXPECT_EQ(plumb_attention_supports(&asked, PLUMB_ATTENTION_FORWARD, level), PLUMB_ATTENTION_OK) << plumb_attention_last_error();
        asked.precision = PLUMB_ATTENTION_MEDIUM;
        EXPECT_EQ(plumb_attention_supports(&asked, PLUMB_ATTENTION_FORWARD, level), PLUMB_ATTENTION_UNSUPPORTED);
    }
}

}  // namespace
}  // namespace plumb
