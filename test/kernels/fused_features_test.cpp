// SPDX-License-Identifier: Apache-2.0
// What fused() promises of types, grouped heads, windows, bias and log-sum-exp: against other ways to say the same problem.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention/accuracy.h"
#include "kernels/attention/inputs.h"
#include "kernels/attention_cases.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 21;
constexpr float infinity = std::numeric_limits<float>::infinity();

class FusedFeatures : public testing::TestWithParam<test::Runner> {
  protected:
    Problem problem_of(const Inputs& inputs, int threads = 1) const { return GetParam().problem(inputs, threads); }
    std::vector<float> run(const Problem& problem) { return test::fused_output(problem, GetParam().isa); }
    std::vector<float> log_sums(const Problem& problem) {
        const test::ForcedIsa forced(GetParam().isa);
        const Shape& s = problem.shape;
        base::Numbers out(problem.dtype, static_cast<std::size_t>(output_size(s)));
        std::vector<float> lse(s.batch * s.heads * s.queries, -12345.0F);
        fused(problem, out.data(), strides_bnhd(s.queries, s.heads, s.value_dim), lse.data());
        return lse;
    }
};

const Shape grouped_shape{.batch = 2, .heads = 4, .queries = 70, .keys = 150, .head_dim = 24, .value_dim = 32, .key_heads = 2};

/// The mask of `problem` written out pair by pair, by the definitions in attention.h.
std::vector<std::uint8_t> spelled_out(const Problem& problem) {
    const Shape& s = problem.shape;
    const Mask& mask = problem.mask;
    std::vector<std::uint8_t> hidden;
    for (std::int64_t b = 0; b < s.batch; ++b) {
        for (std::int64_t n = 0; n < s.queries; ++n) {
            for (std::int64_t m = 0; m < s.keys; ++m) {
                const std::int64_t place = n + s.keys - s.queries;
                bool hides = (mask.left >= 0 && m < place - mask.left) || (mask.right >= 0 && m > place + mask.right);
                if (mask.kind == MaskKind::causal) hides = hides || m > place;
                if (mask.kind == MaskKind::key_padding) hides = hides || mask.hidden[b * s.keys + m] != 0;
                if (mask.kind == MaskKind::boolean) hides = hides || mask.hidden[(b * s.queries + n) * s.keys + m] != 0;
                hidden.push_back(hides);
            }
        }
    }
    return hidden;
}

TEST_P(FusedFeatures, WindowsWithEveryKindAreTheBooleanMaskThatSpellsThemOut) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    for (const Shape& shape : {grouped_shape, Shape{.batch = 2, .heads = 1, .queries = 200, .keys = 90, .head_dim = 16, .value_dim = 16}}) {
        for (const MaskKind kind : {MaskKind::boolean, MaskKind::key_padding, MaskKind::causal, MaskKind::sliding_window}) {
            for (const auto& [left, right] : {std::pair{-1, 0}, {0, 0}, {20, -1}, {64, 5}, {3, 500}, {500, -1}, {0, 90}}) {
                Inputs inputs = make_inputs(shape, {.mask = kind, .left = left, .right = right}, "normal", seed);
                // Padding in the middle of the keys too, so that rows are gathered.
                for (std::size_t i = 11; kind == MaskKind::key_padding && i < inputs.hidden.size(); i += 7) inputs.hidden[i] = 1;
                Problem problem = problem_of(inputs);
                const std::vector<float> out = run(problem);
                EXPECT_TRUE(measure_accuracy(problem, out).within())
                    << test::text(shape) << " " << test::text(kind) << " " << left << " " << right << " seed " << seed;
                const std::vector<std::uint8_t> hidden = spelled_out(problem);
                problem.mask = {.kind = MaskKind::boolean, .hidden = hidden.data()};
                EXPECT_TRUE(measure_accuracy(problem, out).within())
                    << test::text(shape) << " spelled out " << test::text(kind) << " " << left << " " << right << " seed " << seed;
            }
        }
    }
}

TEST_P(FusedFeatures, GroupedHeadsGiveTheBitsOfRepeatedOnes) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const std::int64_t queries : {1, 3, 70}) {
            Shape shape = grouped_shape;
            shape.queries = queries;
            const Inputs inputs =
                make_inputs(shape, {.mask = MaskKind::key_padding, .layout = Layout::bhnd, .dtype = dtype}, "normal", seed);
            Inputs repeated = inputs;
            repeated.shape.key_heads = 0;
            repeated.k.clear();
            repeated.v.clear();
            for (std::int64_t bh = 0; bh < shape.batch * shape.heads; ++bh) {
                const std::int64_t source = bh / shape.group();
                const auto copy = [&](const std::vector<float>& from, std::vector<float>& to, std::int64_t columns) {
                    const auto begin = from.begin() + source * shape.keys * columns;
                    to.insert(to.end(), begin, begin + shape.keys * columns);
                };
                copy(inputs.k, repeated.k, shape.head_dim);
                copy(inputs.v, repeated.v, shape.value_dim);
            }
            repeated.store();
            const std::vector<float> out = run(problem_of(inputs));
            EXPECT_TRUE(measure_accuracy(problem_of(repeated), out).within()) << base::name(dtype) << " N" << queries << " seed " << seed;
            // In fp32 few rows are summed in another order than one row or many.
            if (queries == 70 || GetParam().precision != Precision::highest) {
                EXPECT_EQ(out, run(problem_of(repeated))) << base::name(dtype) << " N" << queries << " seed " << seed;
            }
        }
    }
}

TEST_P(FusedFeatures, SixteenBitInputsGiveTheRoundedOutputOfTheSameNumbersInFp32) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    for (const base::Dtype dtype : {base::Dtype::bf16, base::Dtype::fp16}) {
        for (const MaskKind mask : test::all_masks) {
            Inputs inputs = make_inputs(grouped_shape, {.mask = mask, .dtype = dtype, .bias = true}, "normal", seed);
            const std::vector<float> out = run(problem_of(inputs));
            inputs.dtype = base::Dtype::fp32;
            std::vector<float> wide = run(problem_of(inputs));
            for (float& number : wide) number = base::round_to(dtype, number);
            EXPECT_EQ(out, wide) << base::name(dtype) << " " << test::text(mask) << " seed " << seed;
        }
    }
}

TEST_P(FusedFeatures, LogSumExpsAreTheReferencesWithinTheRule) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const std::int64_t queries : {1, 5, 70}) {
            for (const MaskKind mask : test::all_masks) {
                for (const bool bias : {false, true}) {
                    Shape shape = grouped_shape;
                    shape.queries = queries;
                    const Inputs inputs = make_inputs(shape, {.mask = mask, .dtype = dtype, .bias = bias}, "normal", seed);
                    const Problem problem = problem_of(inputs);
                    const std::vector<float> lse = log_sums(problem);
                    std::vector<double> out(test::outputs(shape)), exact(lse.size());
                    std::vector<float> plain_out(out.size()), plain_lse(lse.size());
                    reference(problem, out, exact);
                    plain(problem, plain_out, plain_lse);
                    double plain_error = 0, error = 0, largest = 0;
                    for (std::size_t i = 0; i < lse.size(); ++i) {
                        ASSERT_EQ(std::isinf(lse[i]), std::isinf(exact[i])) << i;
                        if (std::isinf(exact[i])) continue;
                        error = std::max(error, std::abs(lse[i] - exact[i]));
                        plain_error = std::max(plain_error, std::abs(plain_lse[i] - exact[i]));
                        largest = std::max(largest, std::abs(exact[i]));
                    }
                    // One rounding of the log-sum-exp itself; half a unit of 1 stands in for the scores' where the plain form has luck.
                    EXPECT_LE(error, 2 * std::max(plain_error, 0x1p-24) + 0x1p-24 * largest)
                        << test::text(mask) << " " << base::name(dtype) << " N" << queries << " bias " << bias << " seed " << seed;
                }
            }
        }
    }
}

TEST_P(FusedFeatures, LogSumExpIsMinusInfinityWithoutAVisibleKeyAndWithoutKeys) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 2, .queries = 30, .keys = 10, .head_dim = 8, .value_dim = 8};
    const std::vector<float> lse = log_sums(problem_of(make_inputs(shape, MaskKind::causal, "normal", seed)));
    for (std::int64_t i = 0; i < std::ssize(lse); ++i) EXPECT_EQ(lse[i] == -infinity, i % 30 < 20) << i;
    const Shape none{.batch = 1, .heads = 2, .queries = 30, .keys = 0, .head_dim = 8, .value_dim = 8};
    EXPECT_THAT(log_sums(problem_of(make_inputs(none, MaskKind::none, "normal", seed))), testing::Each(-infinity));
    const Shape no_values{.batch = 1, .heads = 1, .queries = 3, .keys = 5, .head_dim = 8, .value_dim = 0};
    EXPECT_THAT(log_sums(problem_of(make_inputs(no_values, MaskKind::none, "normal", seed))), testing::Each(testing::Gt(-100.0F)));
}

TEST_P(FusedFeatures, ABiasRepeatsAlongAxesWithStrideZero) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape& s = grouped_shape;
    for (const MaskKind mask : {MaskKind::none, MaskKind::key_padding, MaskKind::causal}) {
        Inputs inputs = make_inputs(s, {.mask = mask, .bias = true}, "normal", seed);
        for (std::size_t i = 11; mask == MaskKind::key_padding && i < inputs.hidden.size(); i += 7) inputs.hidden[i] = 1;
        Problem problem = problem_of(inputs);
        for (const Strides& strides : {Strides{0, 0, s.keys, 1}, Strides{0, s.keys, 0, 1}, Strides{s.keys, 0, 0, 1}, Strides{0, 1, 7, 0},
                                       Strides{1, 2, 1, s.queries}}) {
            problem.bias.strides = strides;
            Inputs written_out = inputs;
            written_out.bias.clear();
            for (std::int64_t b = 0; b < s.batch; ++b) {
                for (std::int64_t h = 0; h < s.heads; ++h) {
                    for (std::int64_t n = 0; n < s.queries; ++n) {
                        for (std::int64_t m = 0; m < s.keys; ++m) {
                            const std::int64_t at = b * strides.batch + h * strides.head + n * strides.row + m * strides.column;
                            written_out.bias.push_back(inputs.bias[at]);
                        }
                    }
                }
            }
            EXPECT_EQ(run(problem), run(problem_of(written_out))) << test::text(mask) << " seed " << seed;
        }
    }
}

TEST_P(FusedFeatures, AnInfiniteBiasActsAsSoftmaxSays) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 1, .heads = 1, .queries = 20, .keys = 140, .head_dim = 8, .value_dim = 8};
    Inputs inputs = make_inputs(shape, {.bias = true}, "normal", seed);
    for (std::int64_t m = 0; m < shape.keys; ++m) inputs.bias[3 * shape.keys + m] = -infinity;
    for (std::int64_t m = 5; m < shape.keys; ++m) inputs.bias[4 * shape.keys + m] = -infinity;
    const std::vector<float> out = run(problem_of(inputs));
    for (std::int64_t i = 0; i < std::ssize(out); ++i) EXPECT_EQ(std::isnan(out[i]), i / 8 == 3) << i;
    EXPECT_TRUE(measure_accuracy(problem_of(inputs), out).within());
}

TEST_P(FusedFeatures, WritesStridedOutputsOfEveryTypeAndNothingBetweenThem) {
    PLUMB_SKIP_WITHOUT(GetParam().isa);
    const Shape shape{.batch = 2, .heads = 2, .queries = 50, .keys = 140, .head_dim = 8, .value_dim = 13};
    constexpr float untouched = -512.0F;
    for (const base::Dtype dtype : base::all_dtypes()) {
        const Inputs inputs = make_inputs(shape, {.dtype = dtype}, "normal", seed);
        const std::vector<float> dense = run(problem_of(inputs));
        for (const std::int64_t column : {1, 3}) {
            const std::int64_t row = shape.value_dim * column + 5;
            const Strides strides{.batch = 2 * 50 * row, .head = 50 * row, .row = row, .column = column};
            base::Numbers wide(dtype, std::vector<float>(2 * 2 * 50 * row, untouched));
            const test::ForcedIsa forced(GetParam().isa);
            fused(problem_of(inputs), wide.data(), strides);
            for (std::int64_t i = 0; i < std::ssize(dense); ++i) {
                const std::int64_t e = i % 13, h = i / 13 % 2, n = i / 26 % 50, b = i / 1300;
                const std::int64_t at = b * strides.batch + h * strides.head + n * strides.row + e * strides.column;
                ASSERT_EQ(wide.at(at), dense[i]) << base::name(dtype) << " " << i;
                wide.set(at, untouched);
            }
            EXPECT_THAT(wide.widened(), testing::Each(untouched)) << base::name(dtype);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedFeatures, testing::ValuesIn(test::fused_runners()),
                         [](const auto& instance) { return test::text(instance.param); });

}  // namespace
}  // namespace plumb::kernels::attention
