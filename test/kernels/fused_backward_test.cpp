// SPDX-License-Identifier: Apache-2.0
// What fused_backward() promises beyond accuracy: reproducible bits, any strides, grouped heads, the law of column sums, named errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention_cases.h"
#include "kernels/backward_case.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::uint64_t seed = 53;
constexpr float untouched = -12345.0F;

class FusedBackward : public testing::TestWithParam<Isa> {
  protected:
    struct Results {
        base::Numbers dq, dk, dv;
        bool operator==(const Results&) const = default;
    };
    Results run(test::BackwardCase& made, int threads = 1) {
        const test::ForcedIsa forced(GetParam());
        fused_backward(made.backward(threads));
        return {made.dq, made.dk, made.dv};
    }
};

/// In B x row x H x column order whatever the layout, for a comparison of two layouts.
std::vector<float> in_one_order(const base::Numbers& numbers, const Shape& s, std::int64_t heads, std::int64_t rows, std::int64_t columns,
                                Layout layout) {
    const Strides by = layout == Layout::bnhd ? strides_bnhd(rows, heads, columns) : strides_bhnd(rows, heads, columns);
    std::vector<float> ordered;
    for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t h = 0; h < heads; ++h)
                for (std::int64_t c = 0; c < columns; ++c) ordered.push_back(numbers.at(b * by.batch + row * by.row + h * by.head + c));
    return ordered;
}

TEST_P(FusedBackward, GivesTheSameBitsForAnyNumberOfThreads) {
    PLUMB_SKIP_WITHOUT(GetParam());
    // One head is cut into parts, six are not.
    const Shape shapes[] = {{.batch = 2, .heads = 3, .queries = 130, .keys = 140, .head_dim = 20, .value_dim = 24},
                            {.batch = 1, .heads = 2, .queries = 210, .keys = 500, .head_dim = 16, .value_dim = 16, .key_heads = 1}};
    for (const Shape& shape : shapes) {
        for (const MaskKind mask : test::all_masks) {
            test::BackwardCase made(shape, {.mask = mask}, "normal", seed);
            const Results single = run(made);
            for (const int threads : {2, 3, 7}) EXPECT_EQ(single, run(made, threads)) << test::text(mask) << " " << threads << " threads";
            EXPECT_EQ(single, run(made, 3)) << test::text(mask) << " again";
        }
    }
}

TEST_P(FusedBackward, GivesTheSameBitsInAnyLayoutAndType) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 2, .heads = 4, .queries = 70, .keys = 150, .head_dim = 20, .value_dim = 32, .key_heads = 2};
    for (const base::Dtype dtype : base::all_dtypes()) {
        for (const MaskKind mask : test::all_masks) {
            test::BackwardCase bnhd(shape, {.mask = mask, .layout = Layout::bnhd, .dtype = dtype}, "normal", seed);
            test::BackwardCase bhnd(shape, {.mask = mask, .layout = Layout::bhnd, .dtype = dtype}, "normal", seed);
            const Results a = run(bnhd);
            const Results b = run(bhnd);
            ASSERT_NE(a, b);
            const auto same = [&](const base::Numbers& x, const base::Numbers& y, std::int64_t heads, std::int64_t rows,
                                  std::int64_t columns) {
                return in_one_order(x, shape, heads, rows, columns, Layout::bnhd) ==
                       in_one_order(y, shape, heads, rows, columns, Layout::bhnd);
            };
            EXPECT_TRUE(same(a.dq, b.dq, 4, 70, 20)) << test::text(mask);
            EXPECT_TRUE(same(a.dk, b.dk, 2, 150, 20)) << test::text(mask);
            EXPECT_TRUE(same(a.dv, b.dv, 2, 150, 32)) << test::text(mask);
        }
    }
}

TEST_P(FusedBackward, WritesStridedGradientsAndNothingBetweenThem) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    const Shape shape{.batch = 2, .heads = 2, .queries = 30, .keys = 150, .head_dim = 13, .value_dim = 13};
    test::BackwardCase made(shape, {.mask = MaskKind::key_padding}, "normal", seed);
    Backward backward = made.backward();
    fused_backward(backward);
    const std::vector<float> dense = made.dk.widened();
    // Every second number of rows with 5 to spare.
    const std::int64_t row = 2 * 13 + 5;
    std::vector<float> wide(2 * 2 * 150 * row, untouched);
    backward.dk = wide.data();
    backward.dk_strides = {.batch = 2 * 150 * row, .head = 150 * row, .row = row, .column = 2};
    fused_backward(backward);
    std::size_t next = 0;
    for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t m = 0; m < 150; ++m) {
            for (std::int64_t h = 0; h < 2; ++h) {
                for (std::int64_t d = 0; d < 13; ++d) {
                    float& number = wide[b * 2 * 150 * row + h * 150 * row + m * row + 2 * d];
                    ASSERT_EQ(number, dense[next++]);
                    number = untouched;
                }
            }
        }
    }
    EXPECT_THAT(wide, testing::Each(untouched));
}

TEST_P(FusedBackward, ReadsSlicesOfAPackedTensorWithStridedColumns) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 2, .heads = 2, .queries = 60, .keys = 60, .head_dim = 12, .value_dim = 12};
    test::BackwardCase made(shape, {.mask = MaskKind::causal}, "normal", seed);
    const Results dense = run(made);
    std::vector<float> packed(3 * made.inputs.q.size());
    for (std::size_t i = 0; i < made.inputs.q.size(); ++i) {
        packed[3 * i] = made.inputs.q[i];
        packed[3 * i + 1] = made.inputs.k[i];
        packed[3 * i + 2] = made.inputs.v[i];
    }
    Backward backward = made.backward();
    backward.problem.q = packed.data();
    backward.problem.k = packed.data() + 1;
    backward.problem.v = packed.data() + 2;
    for (Strides* by : {&backward.problem.q_strides, &backward.problem.k_strides, &backward.problem.v_strides})
        *by = {.batch = 3 * by->batch, .head = 3 * by->head, .row = 3 * by->row, .column = 3};
    const test::ForcedIsa forced(GetParam());
    fused_backward(backward);
    EXPECT_EQ(dense, (Results{made.dq, made.dk, made.dv}));
}

TEST_P(FusedBackward, ColumnsOfDvHaveTheSumsOfThoseOfDout) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const Shape shape{.batch = 1, .heads = 2, .queries = 300, .keys = 400, .head_dim = 32, .value_dim = 8};
    for (const MaskKind mask : {MaskKind::none, MaskKind::causal, MaskKind::sliding_window}) {
        test::BackwardCase made(shape, {.mask = mask}, "normal", seed);
        const Results got = run(made);
        for (std::int64_t e = 0; e < 2 * shape.value_dim; ++e) {
            double of_dout = 0;
            double of_dv = 0;
            double size = 0;
            for (std::size_t i = e; i < made.dout.size(); i += 2 * shape.value_dim) {
                of_dout += static_cast<double>(made.dout[i]);
                size += std::abs(static_cast<double>(made.dout[i]));
            }
            for (std::size_t i = e; i < got.dv.size(); i += 2 * shape.value_dim) of_dv += static_cast<double>(got.dv.at(i));
            // Each row of P is wrong by the rounding of its log-sum-exp (at most 8 here) and of its scores (at most 32), each probability
            // by a few units more, all relative.
            EXPECT_NEAR(of_dv, of_dout, 64 * 0x1p-24 * size) << test::text(mask) << " column " << e;
        }
    }
}

TEST_P(FusedBackward, AddsGroupedHeadsIntoTheirKeyHead) {
    PLUMB_SKIP_WITHOUT(GetParam());
    // Each key head repeated for its query heads, and their gradients added: the same numbers up to the order of sums.
    const Shape grouped{.batch = 2, .heads = 4, .queries = 20, .keys = 170, .head_dim = 8, .value_dim = 8, .key_heads = 2};
    Shape repeated = grouped;
    repeated.key_heads = 4;
    test::BackwardCase few(grouped, {.mask = MaskKind::causal}, "normal", seed);
    test::BackwardCase many(repeated, {.mask = MaskKind::causal}, "normal", seed);
    for (std::size_t i = 0; i < many.inputs.k.size(); ++i) {
        const std::size_t row = i / (4 * 8);
        const std::size_t from = row * 2 * 8 + i / 8 % 4 / 2 * 8 + i % 8;
        many.inputs.k[i] = few.inputs.k[from];
        many.inputs.v[i] = few.inputs.v[from];
    }
    many.run_forward();
    const Results a = run(few);
    const Results b = run(many);
    EXPECT_EQ(a.dq, b.dq);
    for (std::size_t i = 0; i < a.dk.size(); ++i) {
        const std::size_t first = i / (2 * 8) * 4 * 8 + i / 8 % 2 * 2 * 8 + i % 8;
        ASSERT_NEAR(a.dk.at(i), b.dk.at(first) + b.dk.at(first + 8), 1e-5) << i;
        ASSERT_NEAR(a.dv.at(i), b.dv.at(first) + b.dv.at(first + 8), 1e-5) << i;
    }
}

TEST_P(FusedBackward, ProbabilitiesNeverExceedOneWhereTheLogSumExpIsCoarse) {
    PLUMB_SKIP_WITHOUT(GetParam());
    // Scores of 1e9: a log-sum-exp in fp32 is off by up to 32, and exp of that would be 1e13.
    const Shape shape{.batch = 1, .heads = 1, .queries = 8, .keys = 8, .head_dim = 4, .value_dim = 4};
    test::BackwardCase made(shape, {}, "normal", seed);
    made.scale = 1e9F;
    made.run_forward();
    const Results got = run(made);
    for (std::size_t i = 0; i < got.dv.size(); ++i) EXPECT_LE(std::abs(got.dv.at(i)), 8 * 4.0F);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FusedBackward, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

TEST(FusedBackwardArguments, NamesWhatIsMissing) {
    test::BackwardCase made({.batch = 1, .heads = 1, .queries = 2, .keys = 3, .head_dim = 4, .value_dim = 4}, {}, "normal", seed);
    Backward backward = made.backward();
    backward.lse = nullptr;
    try {
        fused_backward(backward);
        FAIL() << "accepted";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_STREQ(error.what(), "attention backward: lse is a null pointer");
    }
}

TEST(FusedBackwardArguments, LowerPrecisionIsUnsupported) {
    test::BackwardCase made({.batch = 1, .heads = 1, .queries = 2, .keys = 3, .head_dim = 4, .value_dim = 4}, {}, "normal", seed);
    Backward backward = made.backward();
    backward.problem.precision = Precision::medium;
    try {
        fused_backward(backward);
        FAIL() << "accepted";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
    }
}

TEST(BackwardOperations, AreTwoAndAHalfTimesThoseOfTheForwardPass) {
    test::BackwardCase made({.batch = 1, .heads = 3, .queries = 20, .keys = 30, .head_dim = 8, .value_dim = 8}, {.mask = MaskKind::causal},
                            "normal", seed);
    EXPECT_DOUBLE_EQ(backward_operations(made.inputs.problem()), 2.5 * operations(made.inputs.problem()));
}

}  // namespace
}  // namespace plumb::kernels::attention
