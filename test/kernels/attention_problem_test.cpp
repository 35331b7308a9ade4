// SPDX-License-Identifier: Apache-2.0
// Validity of problems, counts of operations and hidden rows, the reference on cases that can be done by hand, the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/implementations.h"
#include "kernels/attention/inputs.h"
#include "kernels/attention_cases.h"

namespace plumb::kernels::attention {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The message and hint of the usage error that `action` throws.
std::string usage_error(const std::function<void()>& action) {
    try {
        action();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        return std::string(error.what()) + " | " + error.hint();
    }
    ADD_FAILURE() << "no error";
    return {};
}

Inputs small_inputs(MaskKind mask) {
    return make_inputs({.batch = 2, .heads = 3, .queries = 4, .keys = 5, .head_dim = 6, .value_dim = 7}, mask, "normal", 1);
}

TEST(AttentionProblem, BadSizesNameTheShapesOfQueriesAndKeys) {
    const Inputs inputs = small_inputs(MaskKind::none);
    Problem problem = inputs.problem();
    problem.shape.head_dim = 0;
    EXPECT_THAT(usage_error([&] { validate(problem); }), AllOf(HasSubstr("q 2x3x4x0"), HasSubstr("k 2x3x5x0"), HasSubstr("head_dim is 0")));
    problem = inputs.problem();
    problem.shape.keys = -5;
    EXPECT_THAT(usage_error([&] { validate(problem); }), AllOf(HasSubstr("q 2x3x4x6"), HasSubstr("k 2x3x-5x6"), HasSubstr("keys is -5")));
    problem = inputs.problem();
    problem.shape.queries = std::int64_t{1} << 60;
    EXPECT_THAT(usage_error([&] { validate(problem); }), HasSubstr("10^15"));
}

TEST(AttentionProblem, HeadsThatKeyHeadsDoNotDivideAndImpossibleWindowsAreNamed) {
    const Inputs inputs = small_inputs(MaskKind::none);
    Problem problem = inputs.problem();
    problem.shape.key_heads = 2;
    EXPECT_THAT(usage_error([&] { validate(problem); }), AllOf(HasSubstr("q 2x3x4x6"), HasSubstr("k 2x2x5x6"), HasSubstr("3 heads")));
    problem = inputs.problem();
    problem.mask.left = 3;
    EXPECT_THAT(usage_error([&] { validate(problem); }), AllOf(HasSubstr("window"), HasSubstr("sliding_window")));
    problem.mask = {.kind = MaskKind::causal, .left = -2};
    EXPECT_THAT(usage_error([&] { validate(problem); }), HasSubstr("-2 keys to the left"));
}

TEST(AttentionProblem, APrecisionThatIsNotOfferedIsRefusedByName) {
    const Inputs inputs = small_inputs(MaskKind::none);
    Problem problem = inputs.problem();
    for (const Precision precision : {Precision::high, Precision::medium}) {
        problem.precision = precision;
        for (const Isa isa : test::all_isas) {
            if (!why_not(isa).empty()) continue;
            const test::ForcedIsa forced(isa);
            for (const Implementation& implementation : implementations()) {
                if (implementation.name == "plain" || (implementation.name == "fused" && isa == Isa::amx)) {
                    EXPECT_EQ(implementation.why_not(problem), "");
                    continue;
                }
                EXPECT_THAT(implementation.why_not(problem), HasSubstr(std::string(name(precision))));
                EXPECT_THROW(run_widened(implementation, problem), base::Error) << implementation.name;
            }
        }
    }
}

TEST(AttentionProblem, FusedNamesWhatItLacksForAPrecision) {
    const test::ForcedIsa forced(Isa::scalar);
    Problem problem = small_inputs(MaskKind::none).problem();
    problem.precision = Precision::medium;
    const std::string reason = why_not(Isa::amx).empty() ? "the instruction set in use is scalar" : std::string(why_not(Isa::amx));
    EXPECT_THAT(implementation("fused").why_not(problem), AllOf(HasSubstr("medium needs AMX"), HasSubstr(reason)));
}

TEST(AttentionProblem, EveryMissingPointerIsNamed) {
    const Inputs inputs = small_inputs(MaskKind::none);
    for (const auto& [member, text] :
         {std::pair{&Problem::q, "q is a null"}, std::pair{&Problem::k, "k is a null"}, std::pair{&Problem::v, "v is a null"}}) {
        Problem problem = inputs.problem();
        problem.*member = nullptr;
        EXPECT_THAT(usage_error([&] { validate(problem); }), HasSubstr(text));
    }
    for (const auto& [mask, size] : {std::pair{MaskKind::boolean, "2x4x5"}, std::pair{MaskKind::key_padding, "2x5"}}) {
        Problem problem = inputs.problem();
        problem.mask = {.kind = mask, .hidden = nullptr};
        EXPECT_THAT(usage_error([&] { validate(problem); }), AllOf(HasSubstr("mask"), HasSubstr(size)));
    }
    Problem empty;
    empty.shape.head_dim = 8;
    EXPECT_NO_THROW(validate(empty));
}

TEST(AttentionProblem, EveryImplementationRejectsWhatValidateRejects) {
    const Inputs inputs = small_inputs(MaskKind::none);
    std::vector<float> out(test::outputs(inputs.shape));
    for (const Implementation& implementation : implementations()) {
        Problem problem = inputs.problem();
        problem.threads = 0;
        EXPECT_THAT(usage_error([&] { implementation.run(problem, std::as_writable_bytes(std::span(out))); }), HasSubstr("threads is 0"));
        problem = inputs.problem();
        problem.scale = std::numeric_limits<float>::infinity();
        EXPECT_THAT(usage_error([&] { implementation.run(problem, std::as_writable_bytes(std::span(out))); }), HasSubstr("scale"));
        EXPECT_THAT(usage_error([&] { implementation.run(inputs.problem(), std::as_writable_bytes(std::span(out).first(10))); }),
                    AllOf(HasSubstr("10"), HasSubstr("2x3x4x7")));
    }
}

TEST(AttentionProblem, AnUnknownImplementationNamesTheNearest) {
    EXPECT_EQ(implementation("fused").name, "fused");
    EXPECT_THAT(usage_error([] { implementation("fussed"); }), AllOf(HasSubstr("fussed"), HasSubstr("fused")));
}

TEST(AttentionProblem, CausalOperationsAreThePairsThatAreSeen) {
    for (const auto& [queries, keys] : {std::pair{4, 4}, std::pair{3, 7}, std::pair{7, 3}, std::pair{1, 9}, std::pair{5, 0}}) {
        Problem problem;
        problem.shape = {.batch = 2, .heads = 3, .queries = queries, .keys = keys, .head_dim = 5, .value_dim = 11};
        problem.mask.kind = MaskKind::causal;
        std::int64_t pairs = 0;
        for (int n = 0; n < queries; ++n) {
            for (int m = 0; m < keys; ++m) pairs += m <= n + keys - queries;
        }
        EXPECT_EQ(operations(problem), 2.0 * 2 * 3 * static_cast<double>(pairs) * (5 + 11)) << queries << " " << keys;
        problem.mask.kind = MaskKind::none;
        EXPECT_EQ(operations(problem), 2.0 * 2 * 3 * queries * keys * (5 + 11));
        problem.mask = {.kind = MaskKind::sliding_window, .left = 2, .right = 1};
        pairs = 0;
        for (int n = 0; n < queries; ++n) {
            const int place = n + keys - queries;
            for (int m = 0; m < keys; ++m) pairs += place - 2 <= m && m <= place + 1;
        }
        EXPECT_EQ(operations(problem), 2.0 * 2 * 3 * static_cast<double>(pairs) * (5 + 11)) << queries << " " << keys;
    }
}

TEST(AttentionProblem, CountsRowsWithoutAVisibleKey) {
    Inputs inputs =
        make_inputs({.batch = 2, .heads = 3, .queries = 6, .keys = 4, .head_dim = 2, .value_dim = 2}, MaskKind::causal, "normal", 1);
    // The last query sees all four keys, so the first two of six see none, in both records.
    EXPECT_EQ(fully_hidden_rows(inputs.problem()), 4);
    inputs.mask_kind = MaskKind::key_padding;
    inputs.hidden = {1, 1, 1, 1, 1, 1, 0, 1};
    EXPECT_EQ(fully_hidden_rows(inputs.problem()), 6);
    inputs.mask_kind = MaskKind::none;
    EXPECT_EQ(fully_hidden_rows(inputs.problem()), 0);
    inputs.shape.keys = 0;
    EXPECT_EQ(fully_hidden_rows(inputs.problem()), 12);
}

TEST(ReferenceAttention, IsTheWeightedMeanThatCanBeComputedByHand) {
    // Scores 0 and ln 3 at scale 1: probabilities 1/4 and 3/4.
    const float q[] = {1.0F, 0.0F};
    const float k[] = {0.0F, 5.0F, std::log(3.0F), 2.0F};
    const float v[] = {4.0F, 8.0F, 0.0F, 16.0F};
    Problem problem;
    problem.shape = {.batch = 1, .heads = 1, .queries = 1, .keys = 2, .head_dim = 2, .value_dim = 2};
    problem.q = q;
    problem.k = k;
    problem.v = v;
    problem.q_strides = strides_bhnd(1, 1, 2);
    problem.k_strides = strides_bhnd(2, 1, 2);
    problem.v_strides = strides_bhnd(2, 1, 2);
    problem.scale = 1;
    std::vector<double> out(2);
    reference(problem, out);
    EXPECT_NEAR(out[0], 1.0, 1e-6);
    EXPECT_NEAR(out[1], 14.0, 1e-6);

    const std::uint8_t hidden[] = {0, 1};
    problem.mask = {.kind = MaskKind::boolean, .hidden = hidden};
    reference(problem, out);
    EXPECT_EQ(out[0], 4.0);
    EXPECT_EQ(out[1], 8.0);
}

TEST(ReferenceAttention, LogSumExpAndBiasAreWhatCanBeComputedByHand) {
    const float q[] = {1.0F, 0.0F};
    const float k[] = {0.0F, 5.0F, 2.0F, 2.0F};
    const float v[] = {4.0F, 0.0F};
    // Scores 0 and 2 at scale 1; with the bias log 2 and log 6 - 2 they are logarithms of 2 and 6.
    const float bias[] = {std::log(2.0F), std::log(6.0F) - 2.0F};
    Problem problem;
    problem.shape = {.batch = 1, .heads = 1, .queries = 1, .keys = 2, .head_dim = 2, .value_dim = 1};
    problem.q = q;
    problem.k = k;
    problem.v = v;
    problem.q_strides = strides_bhnd(1, 1, 2);
    problem.k_strides = strides_bhnd(2, 1, 2);
    problem.v_strides = strides_bhnd(2, 1, 1);
    problem.scale = 1;
    double out = 0, lse = 0;
    reference(problem, std::span(&out, 1), std::span(&lse, 1));
    EXPECT_NEAR(lse, std::log(1 + std::exp(2.0)), 1e-12);
    problem.bias = {.data = bias, .strides = strides_bhnd(1, 1, 2)};
    reference(problem, std::span(&out, 1), std::span(&lse, 1));
    EXPECT_NEAR(out, 1.0, 1e-6);
    EXPECT_NEAR(lse, std::log(8.0), 1e-6);
    const std::uint8_t hidden[] = {1, 1};
    problem.mask = {.kind = MaskKind::key_padding, .hidden = hidden};
    reference(problem, std::span(&out, 1), std::span(&lse, 1));
    EXPECT_EQ(out, 0.0);
    EXPECT_EQ(lse, -std::numeric_limits<double>::infinity());
}

TEST(ReferenceAttention, AWindowSeesTheKeysThatItsDefinitionNames) {
    // Equal scores and values 1, 2, 4 …: the sum of the visible values over their number tells which keys were seen.
    constexpr int keys = 7;
    for (const int queries : {1, 5, 7, 9}) {
        for (const std::int64_t left : {-1, 0, 2, 100}) {
            for (const std::int64_t right : {-1, 0, 1, 100}) {
                for (const MaskKind kind : {MaskKind::sliding_window, MaskKind::causal, MaskKind::key_padding}) {
                    const std::vector<float> q(queries, 0.0F), k(keys, 1.0F);
                    std::vector<float> v(keys);
                    for (int m = 0; m < keys; ++m) v[m] = static_cast<float>(1 << m);
                    const std::vector<std::uint8_t> hidden = {0, 0, 1, 0, 0, 0, 1};
                    Problem problem;
                    problem.shape = {.batch = 1, .heads = 1, .queries = queries, .keys = keys, .head_dim = 1, .value_dim = 1};
                    problem.q = q.data();
                    problem.k = k.data();
                    problem.v = v.data();
                    problem.q_strides = strides_bhnd(queries, 1, 1);
                    problem.k_strides = problem.v_strides = strides_bhnd(keys, 1, 1);
                    problem.mask = {.kind = kind, .hidden = hidden.data(), .left = left, .right = right};
                    std::vector<double> out(queries);
                    reference(problem, out);
                    for (int n = 0; n < queries; ++n) {
                        const int place = n + keys - queries;
                        double sum = 0, seen = 0;
                        for (int m = 0; m < keys; ++m) {
                            const bool visible = (left < 0 || m >= place - left) && (right < 0 || m <= place + right) &&
                                                 (kind != MaskKind::causal || m <= place) &&
                                                 (kind != MaskKind::key_padding || hidden[m] == 0);
                            sum += visible ? v[m] : 0.0F;
                            seen += visible;
                        }
                        EXPECT_NEAR(out[n], seen == 0 ? 0.0 : sum / seen, 1e-12)
                            << "N" << queries << " n" << n << " left " << left << " right " << right << " kind " << static_cast<int>(kind);
                    }
                }
            }
        }
    }
}

TEST(ReferenceAttention, GroupedHeadsReadTheHeadOfTheirGroup) {
    const Shape grouped{.batch = 2, .heads = 6, .queries = 4, .keys = 5, .head_dim = 3, .value_dim = 2, .key_heads = 2};
    const Inputs inputs = make_inputs(grouped, MaskKind::none, "normal", 3);
    // The same keys and values written once for each query head.
    Inputs repeated = inputs;
    repeated.shape.key_heads = 0;
    repeated.k.clear();
    repeated.v.clear();
    for (std::int64_t row = 0; row < 2 * 5; ++row) {
        for (std::int64_t h = 0; h < 6; ++h) {
            for (std::int64_t d = 0; d < 3; ++d) repeated.k.push_back(inputs.k[(row * 2 + h / 3) * 3 + d]);
            for (std::int64_t e = 0; e < 2; ++e) repeated.v.push_back(inputs.v[(row * 2 + h / 3) * 2 + e]);
        }
    }
    std::vector<double> a(test::outputs(grouped)), b(a.size());
    reference(inputs.problem(), a);
    reference(repeated.problem(), b);
    EXPECT_EQ(a, b);
}

TEST(ReferenceAttention, GivesTheSameBitsForAnyNumberOfThreads) {
    const Inputs inputs =
        make_inputs({.batch = 2, .heads = 2, .queries = 9, .keys = 11, .head_dim = 5, .value_dim = 3}, MaskKind::boolean, "normal", 2);
    std::vector<double> single(test::outputs(inputs.shape));
    std::vector<double> several(single.size());
    reference(inputs.problem(1), single);
    reference(inputs.problem(3), several);
    EXPECT_EQ(single, several);
}

TEST(AttentionInputs, HoldTheSameNumbersInEveryLayout) {
    const Shape shape{.batch = 2, .heads = 3, .queries = 4, .keys = 5, .head_dim = 6, .value_dim = 7};
    for (const Distribution& distribution : distributions()) {
        const Inputs a = make_inputs(shape, MaskKind::boolean, distribution.name, 9, Layout::bnhd);
        const Inputs b = make_inputs(shape, MaskKind::boolean, distribution.name, 9, Layout::bhnd);
        EXPECT_EQ(a.hidden, b.hidden);
        std::vector<double> out_a(test::outputs(shape));
        std::vector<double> out_b(out_a.size());
        reference(a.problem(), out_a);
        reference(b.problem(), out_b);
        EXPECT_EQ(out_a, out_b) << distribution.name;
    }
}

TEST(AttentionInputs, DependOnTheSeedAndAreWhatTheirNamesSay) {
    const Shape shape{.batch = 2, .heads = 2, .queries = 64, .keys = 64, .head_dim = 64, .value_dim = 64};
    const auto made = [&](std::string_view distribution, std::uint64_t seed) {
        return make_inputs(shape, MaskKind::none, distribution, seed);
    };
    EXPECT_EQ(made("normal", 1).q, made("normal", 1).q);
    EXPECT_NE(made("normal", 1).q, made("normal", 2).q);
    EXPECT_NE(made("normal", 1).q, made("normal", 1).k);

    const auto mean = [](const std::vector<float>& numbers) {
        double sum = 0;
        for (const float number : numbers) sum += number;
        return sum / static_cast<double>(numbers.size());
    };
    // 16384 numbers: five standard errors of the mean are 0.04 at deviation 1.
    EXPECT_NEAR(mean(made("normal", 1).q), 0.0, 0.04);
    EXPECT_NEAR(mean(made("shifted", 1).q), 1.0, 0.04);
    EXPECT_NEAR(mean(made("uniform01", 1).q), 0.5, 0.02);
    EXPECT_NEAR(mean(made("uniform", 1).q), 0.0, 0.03);
    EXPECT_THAT(made("uniform01", 1).q, testing::Each(testing::AllOf(testing::Ge(0.0F), testing::Lt(1.0F))));
    EXPECT_THAT(made("zero_v", 1).v, testing::Each(0.0F));
    for (const float number : made("denormal", 1).v) ASSERT_TRUE(number == 0 || std::fpclassify(number) == FP_SUBNORMAL);
    const auto large = [](float number) { return std::abs(number) > 100; };
    const Inputs outliers = made("outliers", 1);
    EXPECT_GT(std::count_if(outliers.k.begin(), outliers.k.end(), large), 0);
    const Inputs equal = made("equal", 1);
    const std::int64_t row = shape.heads * shape.head_dim;
    for (std::int64_t i = row; i < std::ssize(equal.k); ++i) ASSERT_EQ(equal.k[i], equal.k[i % row]);
}

TEST(AttentionInputs, MasksHideHalfOfTheKeysOrATrailingRun) {
    const Shape shape{.batch = 8, .heads = 1, .queries = 40, .keys = 50, .head_dim = 1, .value_dim = 1};
    const Inputs boolean = make_inputs(shape, MaskKind::boolean, "normal", 3);
    const auto hidden = std::count(boolean.hidden.begin(), boolean.hidden.end(), 1);
    // 16000 fair coins: five standard deviations are 316.
    EXPECT_NEAR(static_cast<double>(hidden), 8000, 316);
    const Inputs padding = make_inputs(shape, MaskKind::key_padding, "normal", 3);
    ASSERT_EQ(std::ssize(padding.hidden), 8 * 50);
    for (std::int64_t b = 0; b < 8; ++b)
        EXPECT_TRUE(std::is_sorted(padding.hidden.begin() + b * 50, padding.hidden.begin() + (b + 1) * 50));
    EXPECT_TRUE(make_inputs(shape, MaskKind::causal, "normal", 3).hidden.empty());
}

TEST(AttentionInputs, UnknownDistributionNamesTheNearest) {
    EXPECT_THAT(usage_error([] { make_inputs({.queries = 1, .keys = 1, .head_dim = 1, .value_dim = 1}, MaskKind::none, "nromal", 1); }),
                AllOf(HasSubstr("nromal"), HasSubstr("normal")));
    EXPECT_THAT(usage_error([] { make_inputs({.queries = -1, .keys = 1, .head_dim = 1, .value_dim = 1}, MaskKind::none, "normal", 1); }),
                HasSubstr("queries is -1"));
}

}  // namespace
}  // namespace plumb::kernels::attention
