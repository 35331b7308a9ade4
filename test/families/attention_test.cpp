// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "families/attention/cases.h"
#include "families/attention/declarations.h"
#include "families/attention/executor.h"
#include "families/attention/family.h"
#include "families/attention/trial.h"
#include "families/attention/verdicts.h"
#include "families/families.h"
#include "kernels/attention/implementations.h"
#include "kernels/isa.h"
#include "nn/attention_peers.h"

namespace plumb::families::attention {
namespace {

using lab::CheckStatus;
using ::testing::HasSubstr;

lab::Settings settings(const lab::Settings& changed) {
    return schema().complete(changed);
}

lab::Settings small(const std::string& impl, const std::string& mask) {
    return settings({{"impl", impl}, {"mask", mask}, {"batch", std::int64_t{3}}, {"heads", std::int64_t{2}}, {"tries", std::int64_t{2}}});
}

CaseKey small_key(kernels::attention::MaskKind mask) {
    CaseKey key;
    key.shape = {3, 2, 9, 7, 16, 16};
    key.options.mask = mask;
    key.distribution = "uniform01";
    key.seed = 5;
    return key;
}

std::vector<float> fused_output(const Case& prepared) {
    const auto& shape = prepared.problem.shape;
    std::vector<float> out(static_cast<std::size_t>(shape.batch * shape.queries * shape.heads * shape.value_dim));
    const auto executor = make_executor("fused", "best", prepared.problem);
    executor->forward();
    executor->copy_output(out);
    return out;
}

CheckStatus worst(const std::vector<lab::Check>& checks) {
    CheckStatus status = CheckStatus::passed;
    for (const lab::Check& check : checks) status = std::max(status, check.status);
    return status;
}

/// Some implementation of the table and one mask.
class EveryImplementation : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(EveryImplementation, PassesItsChecksBeforeAndAfterItsCallsAreTimed) {
    const auto& [impl, mask] = GetParam();
    if (!is_plumbs_own(impl) && nn::attention_peers().empty()) GTEST_SKIP() << "built without LibTorch";
    AttentionTrial trial(read_request(small(impl, mask), 11));
    EXPECT_EQ(worst(trial.verify()), CheckStatus::passed);
    const auto actions = trial.actions();
    for (int call = 0; call < 3; ++call) {
        for (const lab::Action& action : actions) action.run();
    }
    EXPECT_EQ(worst(trial.verify_after()), CheckStatus::passed);
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryImplementation,
                         ::testing::Combine(::testing::ValuesIn(implementation_names()),
                                            ::testing::Values("none", "boolean", "key_padding", "causal")),
                         [](const auto& chosen) {
                             std::string name = std::get<0>(chosen.param) + "_" + std::get<1>(chosen.param);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(AttentionVerdicts, FailAnOutputWithOneWrongNumber) {
    const std::shared_ptr<Case> held = CaseSet::shared(small_key(kernels::attention::MaskKind::none))->at(0);
    Case& prepared = *held;
    for (const float wrong : {0.5001f, std::nanf(""), INFINITY, 0.0f}) {
        Verdicts verdicts("fused", small_key(kernels::attention::MaskKind::none));
        std::vector<float> out = fused_output(prepared);
        out[17] = wrong;
        verdicts.add(prepared, out);
        EXPECT_EQ(worst(verdicts.checks()), CheckStatus::failed) << wrong;
    }
}

TEST(AttentionVerdicts, RememberTheOneTryThatFailed) {
    const auto cases = CaseSet::shared(small_key(kernels::attention::MaskKind::none));
    Verdicts verdicts("fused", small_key(kernels::attention::MaskKind::none));
    for (std::size_t index = 0; index < 3; ++index) {
        Case& prepared = *cases->at(index);
        std::vector<float> out = fused_output(prepared);
        if (index == 1) out.front() += 0.1f;
        verdicts.add(prepared, out);
    }
    const auto checks = verdicts.checks();
    EXPECT_EQ(checks.front().status, CheckStatus::failed);
    EXPECT_THAT(checks.front().note, HasSubstr("try 2"));
}

TEST(AttentionVerdicts, MistrustAnOutputOfZeros) {
    CaseKey key = small_key(kernels::attention::MaskKind::none);
    key.distribution = "zero_v";
    const std::shared_ptr<Case> held = CaseSet::shared(key)->at(0);
    Case& prepared = *held;
    Verdicts verdicts("fused", key);
    verdicts.add(prepared, fused_output(prepared));
    EXPECT_EQ(worst(verdicts.checks()), CheckStatus::mistrusted);
}

TEST(AttentionVerdicts, CountRowsWithoutAVisibleKeyAndDemandZerosOfOurs) {
    CaseKey key = small_key(kernels::attention::MaskKind::none);
    key.shape.keys = 0;
    const std::shared_ptr<Case> held = CaseSet::shared(key)->at(0);
    Case& prepared = *held;
    Verdicts zeros("fused", key), nans("fused", key), theirs("sdpa", key);
    std::vector<float> out = fused_output(prepared);
    zeros.add(prepared, out);
    EXPECT_EQ(zeros.hidden_rows(), 3 * 9 * 2);
    EXPECT_EQ(zeros.nan_rows(), 0);
    out[0] = std::nanf("");
    nans.add(prepared, out);
    EXPECT_EQ(worst(nans.checks()), CheckStatus::failed);
    theirs.add(prepared, out);
    EXPECT_EQ(theirs.nan_rows(), 1);
    EXPECT_NE(worst(theirs.checks()), CheckStatus::failed);
}

TEST(AttentionCases, ChecksASampleOfTheQueriesOfALongProblemEndsIncluded) {
    CaseKey key = small_key(kernels::attention::MaskKind::causal);
    key.shape = {1, 4, 3000, 3000, 64, 64};
    const auto prepared = CaseSet::shared(key)->at(0);
    const auto& queries = prepared->checked_queries;
    EXPECT_LT(queries.size(), 3000u);
    EXPECT_GE(queries.size(), 8u);
    EXPECT_EQ(queries.front(), 0);
    EXPECT_EQ(queries.back(), 2999);
    EXPECT_TRUE(std::is_sorted(queries.begin(), queries.end()));
    Verdicts verdicts("fused", small_key(kernels::attention::MaskKind::none));
    std::vector<float> out = fused_output(*prepared);
    verdicts.add(*prepared, out);
    EXPECT_EQ(worst(verdicts.checks()), CheckStatus::passed);
    EXPECT_THAT(verdicts.checks().front().reference, HasSubstr(std::to_string(queries.size()) + " of 3000 queries"));
}

TEST(AttentionCases, AreSharedByTrialsOfOneProblemAndDifferBySeed) {
    const auto first = CaseSet::shared(small_key(kernels::attention::MaskKind::none));
    EXPECT_EQ(first, CaseSet::shared(small_key(kernels::attention::MaskKind::none)));
    CaseKey other = small_key(kernels::attention::MaskKind::none);
    other.seed = 6;
    EXPECT_NE(first->at(0)->inputs.q, CaseSet::shared(other)->at(0)->inputs.q);
    EXPECT_NE(first->at(0)->inputs.q, first->at(1)->inputs.q);
}

TEST(AttentionFamily, StagesFixTheHeadsAndRecordsTheyDoNotHave) {
    const auto shape_at = [](const std::string& stage) { return read_request(settings({{"stage", stage}}), 1).cases.shape; };
    EXPECT_EQ(shape_at("queries").heads, 1);
    EXPECT_EQ(shape_at("queries").batch, 1);
    EXPECT_EQ(shape_at("heads").heads, 8);
    EXPECT_EQ(shape_at("heads").batch, 1);
    EXPECT_EQ(shape_at("batch").batch, 32);
}

TEST(AttentionFamily, SaysWhyAnInstructionSetCannotRun) {
    for (const kernels::Isa isa : {kernels::Isa::avx2, kernels::Isa::avx512, kernels::Isa::amx}) {
        const std::string reason(kernels::why_not(isa));
        if (reason.empty()) continue;
        try {
            AttentionTrial trial(read_request(settings({{"isa", std::string(kernels::name(isa))}}), 1));
            FAIL() << "a missing instruction set was accepted";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
            EXPECT_THAT(error.what(), HasSubstr(reason));
        }
    }
}

TEST(AttentionFamily, MetricsAreThoseItDeclares) {
    AttentionTrial trial(read_request(small("fused", "none"), 1));
    trial.verify();
    std::vector<lab::Timing> timings(3);
    for (const lab::Action& action : trial.actions()) action.run();
    for (lab::Timing& timing : timings) {
        timing.samples = {0.002, 0.002, 0.004};
        timing.median = {0.002, 0.002, 0.004};
    }
    const auto values = trial.metrics(timings);
    std::vector<std::string> declared, given;
    for (const lab::Metric& metric : metrics()) declared.push_back(metric.name);
    for (const lab::MetricValue& value : values) given.push_back(value.name);
    // Not every kernel lets the count of pages be reset.
    if (std::ranges::find(given, "memory") == given.end()) std::erase(declared, "memory");
    EXPECT_EQ(given, declared);
    // 4 B H N M D operations in 2 ms.
    EXPECT_NEAR(values[3].value, 4.0 * 3 * 2 * 32 * 32 * 64 * 1e-9 / 0.002, 1e-9);
    // q, k, v and out of 3 x 2 x 32 x 64 numbers each; reading k and v takes as long, so that half of the traffic is theirs.
    EXPECT_NEAR(values[6].value, 4.0 * 3 * 2 * 32 * 64 * 4 / 0.002, 1e-3);
    EXPECT_NEAR(values[8].value, 2.0, 1e-9);
}

TEST(Families, HaveUniqueNamesDefaultsThatFitAndFiguresOfKnownColumns) {
    std::set<std::string> names;
    for (const auto& family : all()) {
        EXPECT_TRUE(names.insert(family->name()).second);
        EXPECT_NO_THROW(family->schema().complete({}));
        std::set<std::string> columns;
        for (const auto& parameter : family->schema().parameters()) columns.insert(parameter.name);
        for (const auto& metric : family->metrics()) columns.insert(metric.name);
        for (const lab::Figure& figure : family->figures()) {
            // Columns of a table that a run leaves are the family's own business; its tests write one and draw it.
            const bool own = !figure.table.empty();
            for (const std::string& column : {own ? "" : figure.x, own ? "" : figure.y, own ? "" : figure.colour, figure.facet_column,
                                              figure.facet_row, figure.reference}) {
                EXPECT_TRUE(column.empty() || columns.contains(column)) << figure.name << ": " << column;
            }
        }
    }
}

}  // namespace
}  // namespace plumb::families::attention
