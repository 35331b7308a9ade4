// SPDX-License-Identifier: Apache-2.0
// What the settings beyond shape and mask mean, on every implementation of the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "families/attention/declarations.h"
#include "families/attention/executor.h"
#include "families/attention/request.h"
#include "families/attention/traffic.h"
#include "families/attention/trial.h"
#include "kernels/attention/accuracy.h"
#include "kernels/attention/stored.h"
#include "nn/attention_peers.h"

namespace plumb::families::attention {
namespace {

namespace ka = kernels::attention;
using ::testing::HasSubstr;

lab::Settings with(const lab::Settings& changed) {
    lab::Settings small = {{"batch", std::int64_t{2}},
                           {"heads", std::int64_t{4}},
                           {"queries", std::int64_t{20}},
                           {"tries", std::int64_t{2}},
                           {"inputs", std::string("normal")}};
    small.insert(small.end(), changed.begin(), changed.end());
    return resolve(schema().complete(small));
}

class EverySetting : public ::testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

TEST_P(EverySetting, PassesItsChecksInEveryImplementation) {
    const auto& [impl, dtype, kind] = GetParam();
    if (!is_plumbs_own(impl) && nn::attention_peers().empty()) GTEST_SKIP() << "built without LibTorch";
    lab::Settings changed = {{"impl", impl}, {"dtype", dtype}};
    if (kind == "grouped") changed.push_back({"key_heads", std::int64_t{2}});
    if (kind == "biased") changed.push_back({"bias", true});
    if (kind == "windowed") {
        changed.push_back({"mask", std::string("sliding_window")});
        changed.push_back({"window_left", std::int64_t{6}});
        changed.push_back({"window_right", std::int64_t{2}});
    }
    if (kind == "scaled") changed.push_back({"scale", 0.5});
    AttentionTrial trial(read_request(with(changed), 11));
    for (const lab::Check& check : trial.verify())
        EXPECT_EQ(check.status, lab::CheckStatus::passed)
            << check.name << ": " << check.measured << " of " << check.bound << " " << check.note;
    for (const lab::Action& action : trial.actions()) action.run();
    for (const lab::Check& check : trial.verify_after()) EXPECT_EQ(check.status, lab::CheckStatus::passed) << check.name;
}

INSTANTIATE_TEST_SUITE_P(Attention, EverySetting,
                         ::testing::Combine(::testing::ValuesIn(implementation_names()), ::testing::Values("fp32", "bf16", "fp16"),
                                            ::testing::Values("plain", "grouped", "biased", "windowed", "scaled")),
                         [](const auto& chosen) {
                             std::string name =
                                 std::get<0>(chosen.param) + "_" + std::get<1>(chosen.param) + "_" + std::get<2>(chosen.param);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(AttentionSettings, SayWhyAPrecisionCannotRun) {
    for (const std::string impl : {"fused", "reference", "sdpa"}) {
        try {
            AttentionTrial trial(read_request(with({{"impl", impl}, {"precision", std::string("medium")}}), 1));
            // Where a kernel takes it, its checks decide.
            if (impl == "fused") continue;
            FAIL() << impl << " took a precision that it does not have";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported) << impl;
            EXPECT_THAT(error.what(), HasSubstr("impl " + impl));
        }
    }
}

TEST(AttentionSettings, ThatMeanTheSameAreOnePoint) {
    EXPECT_EQ(with({{"key_heads", std::int64_t{4}}}), with({}));
    EXPECT_NE(with({{"key_heads", std::int64_t{2}}}), with({}));
    EXPECT_THROW(with({{"key_heads", std::int64_t{3}}}), base::Error);
    EXPECT_EQ(lab::format(*lab::find(with({{"output", std::string("{impl}-{queries}x{impl}.npz")}}), "output")), "fused-20xfused.npz");
}

TEST(AttentionSettings, ABiasThatFitsNoMemoryIsRefused) {
    EXPECT_THROW(AttentionTrial(read_request(with({{"bias", true}, {"queries", std::int64_t{40000}}, {"keys", std::int64_t{40000}}}), 1)),
                 base::Error);
}

TEST(AttentionTraffic, CountsTheKeysThatAWindowLeaves) {
    ka::Problem problem;
    problem.shape = {.batch = 2, .heads = 8, .queries = 1, .keys = 100, .head_dim = 16, .value_dim = 32, .key_heads = 2};
    problem.dtype = base::Dtype::bf16;
    EXPECT_EQ(key_value_bytes(problem), 2.0 * 2 * 100 * (16 + 32) * 2);
    EXPECT_EQ(needed_bytes(problem), 2.0 * 2 * 100 * 48 * 2 + 2.0 * 8 * 48 * 2);
    problem.mask = {.kind = ka::MaskKind::sliding_window, .left = 9};
    EXPECT_EQ(needed_bytes(problem), 2.0 * 2 * 10 * 48 * 2 + 2.0 * 8 * 48 * 2) << "the last key and nine before it";
}

TEST(StoredForm, IsThePlainFormInFp32AndRoundsItsIntermediatesInSixteenBits) {
    const ka::Shape shape{.batch = 2, .heads = 4, .queries = 9, .keys = 33, .head_dim = 16, .value_dim = 8, .key_heads = 2};
    for (const base::Dtype dtype : base::all_dtypes()) {
        const ka::Inputs inputs = ka::make_inputs(shape, {.mask = ka::MaskKind::causal, .dtype = dtype, .bias = true}, "normal", 3);
        const ka::Problem problem = inputs.problem();
        const auto count = static_cast<std::size_t>(ka::output_size(shape));
        std::vector<double> exact(count);
        std::vector<float> plain(count), stored(count);
        ka::reference(problem, exact);
        ka::plain(problem, plain);
        ka::plain_stored(problem, stored);
        double plain_error = 0, stored_error = 0;
        for (std::size_t i = 0; i < count; ++i) {
            plain_error = std::max(plain_error, std::abs(static_cast<double>(plain[i]) - exact[i]));
            stored_error = std::max(stored_error, std::abs(static_cast<double>(stored[i]) - exact[i]));
        }
        if (dtype == base::Dtype::fp32) {
            // The order of scaling and of the compiler's contractions may differ.
            EXPECT_LE(stored_error, 4 * plain_error);
        } else {
            EXPECT_GT(stored_error, 10 * plain_error) << base::name(dtype);
            EXPECT_LT(stored_error, 20 * base::rounding_unit(dtype)) << base::name(dtype);
        }
    }
}

}  // namespace
}  // namespace plumb::families::attention
