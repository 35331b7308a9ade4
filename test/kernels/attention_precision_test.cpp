// SPDX-License-Identifier: Apache-2.0
// The precisions medium and high: what split.h says of numbers, what plain() makes of them on every host, and that fused() on AMX keeps the
// distance between them. The accuracy rule itself is walked in attention_accuracy_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "kernels/attention/accuracy.h"
#include "kernels/attention/inputs.h"
#include "kernels/attention/split.h"
#include "kernels/attention_cases.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 31;
constexpr float infinity = std::numeric_limits<float>::infinity();
const Shape shape{.batch = 1, .heads = 2, .queries = 60, .keys = 300, .head_dim = 48, .value_dim = 40};

double largest_error(const Problem& problem, std::span<const float> out) {
    std::vector<double> exact(out.size());
    reference(problem, exact);
    double largest = 0;
    for (std::size_t i = 0; i < out.size(); ++i) largest = std::max(largest, std::abs(out[i] - exact[i]));
    return largest;
}

std::vector<float> plain_output(Problem problem, Precision precision) {
    problem.precision = precision;
    std::vector<float> out(test::outputs(problem.shape));
    plain(problem, out);
    return out;
}

bool is_bf16(float number) {
    return base::round_to(base::Dtype::bf16, number) == number;
}

TEST(Split, PartsAreBf16AndTheirSumIsTheNumberWithinTheBoundOfThePrecision) {
    const base::RandomStream stream(seed, "split");
    for (std::uint64_t i = 0; i < 20000; ++i) {
        const auto x = static_cast<float>(std::ldexp(stream.uniform(2 * i) - 0.5, static_cast<int>(stream.below(2 * i + 1, 200)) - 100));
        for (const Precision precision : {Precision::medium, Precision::high}) {
            const Split parts = split(precision, x);
            ASSERT_TRUE(is_bf16(parts.high) && is_bf16(parts.low)) << x << " seed " << seed;
            const double error = std::abs(static_cast<double>(x) - parts.high - parts.low);
            ASSERT_LE(error, product_rounding(precision) * std::abs(x)) << x << " " << name(precision) << " seed " << seed;
        }
        ASSERT_EQ(split(Precision::medium, x).low, 0.0F);
    }
}

TEST(Split, DenormalsAreZeroAndWhatIsNotFiniteStandsAlone) {
    for (const Precision precision : {Precision::medium, Precision::high}) {
        EXPECT_EQ(split(precision, 0x1p-127F).high, 0.0F);
        EXPECT_EQ(split(precision, 0x1p-126F).high, 0x1p-126F);
        for (const float x : {infinity, -infinity, std::numeric_limits<float>::max()}) {
            const Split parts = split(precision, x);
            EXPECT_EQ(parts.high + parts.low, std::copysign(infinity, x)) << x;
            EXPECT_TRUE(parts.high == 0 || parts.low == 0) << x;
        }
        const Split nan = split(precision, std::numeric_limits<float>::quiet_NaN());
        EXPECT_TRUE(std::isnan(nan.high + nan.low));
    }
}

TEST(PlainPrecision, OneVisibleKeyGivesItsValueAsProductsTakeIt) {
    const Inputs inputs =
        make_inputs({.batch = 1, .heads = 1, .queries = 3, .keys = 1, .head_dim = 8, .value_dim = 50}, MaskKind::none, "normal", seed);
    for (const Precision precision : {Precision::medium, Precision::high}) {
        const std::vector<float> out = plain_output(inputs.problem(), precision);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const Split value = split(precision, inputs.v[i % 50]);
            EXPECT_EQ(out[i], value.low + value.high) << name(precision) << " " << i;
        }
    }
}

TEST(PlainPrecision, MediumIsAttentionOfRoundedInputsUpToTheRoundingOfWeights) {
    for (const MaskKind mask : test::all_masks) {
        Inputs inputs = make_inputs(shape, mask, "normal", seed);
        const std::vector<float> out = plain_output(inputs.problem(), Precision::medium);
        double largest_value = 0;
        for (std::vector<float>* numbers : {&inputs.q, &inputs.k, &inputs.v}) {
            for (float& number : *numbers) number = base::round_to(base::Dtype::bf16, number);
        }
        for (const float value : inputs.v) largest_value = std::max(largest_value, static_cast<double>(std::abs(value)));
        // |out' - out| <= sum p |v - out| 2^-8 <= 2 max|v| 2^-8, and fp32 sums of 300 and 48 terms.
        EXPECT_LE(largest_error(inputs.problem(), out), 2 * largest_value * (0x1p-8 + 348 * 0x1p-24)) << test::text(mask);
    }
}

TEST(PlainPrecision, HighIsAHundredTimesNearerThanMediumAndHighestNearerThanHigh) {
    for (const MaskKind mask : test::all_masks) {
        const Inputs inputs = make_inputs(shape, mask, "normal", seed);
        const Problem problem = inputs.problem();
        const double medium = largest_error(problem, plain_output(problem, Precision::medium));
        const double high = largest_error(problem, plain_output(problem, Precision::high));
        const double highest = largest_error(problem, plain_output(problem, Precision::highest));
        EXPECT_GE(medium, 100 * high) << test::text(mask) << " seed " << seed;
        EXPECT_GT(high, highest) << test::text(mask) << " seed " << seed;
    }
}

TEST(PlainPrecision, GivesTheSameBitsForAnyNumberOfThreads) {
    for (const Precision precision : {Precision::medium, Precision::high}) {
        const Inputs inputs = make_inputs(shape, MaskKind::causal, "normal", seed);
        EXPECT_EQ(plain_output(inputs.problem(1), precision), plain_output(inputs.problem(3), precision)) << name(precision);
    }
}

TEST(AccuracyRulePrecision, RefusesTheOutputOfALowerPrecision) {
    const Inputs inputs = make_inputs(shape, MaskKind::none, "normal", seed);
    for (const auto& [asked, ran] : {std::pair{Precision::highest, Precision::high}, std::pair{Precision::high, Precision::medium}}) {
        Problem problem = inputs.problem();
        problem.precision = asked;
        EXPECT_FALSE(measure_accuracy(problem, plain_output(problem, ran)).within()) << name(asked);
        EXPECT_TRUE(measure_accuracy(problem, plain_output(problem, asked)).within()) << name(asked);
    }
}

TEST(AccuracyRulePrecision, TheGuardForFewOutputsStaysNearTheErrorItStandsFor) {
    const Inputs small =
        make_inputs({.batch = 1, .heads = 1, .queries = 20, .keys = 30, .head_dim = 64, .value_dim = 16}, MaskKind::none, "normal", seed);
    for (const Precision precision : {Precision::medium, Precision::high}) {
        Problem problem = small.problem();
        problem.precision = precision;
        const Accuracy accuracy = measure_accuracy(problem, plain_output(problem, precision));
        EXPECT_GT(accuracy.single_rounding, 0);
        EXPECT_LT(accuracy.single_rounding, 8 * accuracy.plain_max_error) << name(precision) << " seed " << seed;
    }
}

TEST(FusedPrecision, OnAmxHighIsAHundredTimesNearerThanMedium) {
    PLUMB_SKIP_WITHOUT(Isa::amx);
    for (const MaskKind mask : test::all_masks) {
        const Inputs inputs = make_inputs(shape, mask, "normal", seed);
        double error[2] = {};
        for (const Precision precision : {Precision::medium, Precision::high}) {
            Problem problem = inputs.problem();
            problem.precision = precision;
            error[precision == Precision::high] = largest_error(problem, test::fused_output(problem, Isa::amx));
        }
        EXPECT_GT(error[1], 0);
        EXPECT_GE(error[0], 100 * error[1]) << test::text(mask) << " seed " << seed;
    }
}

}  // namespace
}  // namespace plumb::kernels::attention
