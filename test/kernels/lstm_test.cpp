// SPDX-License-Identifier: Apache-2.0
// The layer against its definition in fp64, by the accuracy rule, and against the laws it obeys, on every instruction set.
#include "kernels/lstm/lstm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/attention/error_norm.h"
#include "kernels/isa_guard.h"
#include "kernels/lstm/step.h"
#include "kernels/lstm_case.h"

namespace plumb::kernels::lstm {
namespace {

using test::LstmCase;
using test::LstmResult;

constexpr std::uint64_t seed = 7;

class Lstm : public testing::TestWithParam<Isa> {
  protected:
    void SetUp() override {
        PLUMB_SKIP_WITHOUT(GetParam());
        set_isa(GetParam());
    }
    void TearDown() override { reset_isa(); }
};

/// Summed over several draws, so that no side is judged by its luck: of a handful of numbers the yardstick may hit every one.
void expect_accurate(const std::function<LstmCase(std::uint64_t)>& draw, const std::string& what) {
    constexpr std::uint64_t draws = 8;
    std::vector<double> errors(9), yardstick_errors(9), largest(9);
    std::vector<const char*> names(9);
    for (std::uint64_t n = 0; n < draws; ++n) {
        const LstmCase made = draw(seed + n);
        const LstmResult result = LstmCase::run(made.layer(), made.upstream());
        const auto exact = plain<double>(made.layer(), made.upstream());
        const auto yardstick = plain<float>(made.layer(), made.upstream());
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::vector<double>& numbers = *test::all_of(exact)[i].numbers;
            names[i] = test::all_of(exact)[i].name;
            errors[i] += attention::largest_error(numbers, *test::all_of(result.values)[i].numbers);
            yardstick_errors[i] += attention::largest_error(numbers, *test::all_of(yardstick)[i].numbers);
            largest[i] += attention::largest_finite(numbers);
        }
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_LE(errors[i], attention::error_bound(yardstick_errors[i], largest[i], base::Dtype::fp32))
            << names[i] << " " << what << " seed " << seed;
        EXPECT_GT(largest[i], 0) << names[i] << " " << what << " proves nothing";
    }
}

std::string words(const Shape& s) {
    return "B" + std::to_string(s.batch) + " T" + std::to_string(s.steps) + " I" + std::to_string(s.input) + " H" +
           std::to_string(s.hidden);
}

const Shape shapes[] = {{1, 1, 1, 1},   {1, 1, 5, 3},   {2, 3, 4, 16},  {3, 2, 7, 17},
                        {1, 9, 20, 40}, {4, 5, 33, 15}, {7, 3, 10, 34}, {16, 4, 24, 48}};

TEST_P(Lstm, OutputsAndGradientsObeyTheAccuracyRule) {
    for (const Shape& shape : shapes) {
        expect_accurate([&](std::uint64_t draw) { return LstmCase(shape, draw); }, words(shape));
    }
}

TEST_P(Lstm, ObeysItForSaturatedGatesTinyNumbersAndLongSums) {
    for (const float scale : {1e-3F, 30.0F}) {
        expect_accurate([&](std::uint64_t draw) { return LstmCase({3, 6, 12, 20}, draw, scale); }, "scale " + std::to_string(scale));
    }
    expect_accurate([&](std::uint64_t draw) { return LstmCase({2, 3, 300, 150}, draw); }, "long sums");
}

TEST_P(Lstm, ObeysItWhenPositionsShareRowsOfATable) {
    ASSERT_LT(LstmCase({4, 9, 12, 20}, seed, 1, 10).distinct.stored.size(), 36U);
    expect_accurate([](std::uint64_t draw) { return LstmCase({4, 9, 12, 20}, draw, 1, 10); }, "shared rows");
}

TEST_P(Lstm, WithoutBiasesOrFirstStatesTheyAreZeros) {
    const LstmCase made({3, 4, 6, 18}, seed);
    Layer without = made.layer();
    without.weights.b_ih_G = without.weights.b_hh_G = without.h0_BH = without.c0_BH = nullptr;
    const std::vector<float> zeros(4 * 18 + 3 * 18);
    Layer zero = without;
    zero.weights.b_ih_G = zero.weights.b_hh_G = zero.h0_BH = zero.c0_BH = zeros.data();
    const LstmResult expected = LstmCase::run(zero, made.upstream());
    const LstmResult got = LstmCase::run(without, made.upstream());
    for (std::size_t n = 0; n < test::all_of(got.values).size(); ++n) {
        EXPECT_EQ(*test::all_of(got.values)[n].numbers, *test::all_of(expected.values)[n].numbers) << test::all_of(got.values)[n].name;
    }
}

TEST_P(Lstm, UpstreamGradientsThatAreAbsentAreZeros) {
    const LstmCase made({3, 4, 6, 18}, seed);
    const std::vector<float> zeros(3 * 4 * 18);
    const Upstream all = made.upstream();
    const Upstream absent[] = {{all.h_BTH, nullptr, nullptr}, {nullptr, all.h_last_BH, nullptr}, {nullptr, nullptr, all.c_last_BH}};
    for (const Upstream& upstream : absent) {
        const auto or_zeros = [&](const float* numbers) { return numbers == nullptr ? zeros.data() : numbers; };
        const LstmResult got = LstmCase::run(made.layer(), upstream);
        const LstmResult expected =
            LstmCase::run(made.layer(), {or_zeros(upstream.h_BTH), or_zeros(upstream.h_last_BH), or_zeros(upstream.c_last_BH)});
        EXPECT_EQ(got.values.dw_hh_GH, expected.values.dw_hh_GH);
        EXPECT_EQ(got.values.drows_RI, expected.values.drows_RI);
        EXPECT_EQ(got.values.dc0_BH, expected.values.dc0_BH);
    }
}

TEST_P(Lstm, GivesTheSameBitsForAnyNumberOfThreads) {
    // Large enough that three threads have work between two barriers.
    for (const std::int64_t table_rows : {0, 30}) {
        const LstmCase made({16, 3, 20, 130}, seed, 1, table_rows);
        const LstmResult one = made.run(1);
        for (const int threads : {2, 3}) {
            const LstmResult more = made.run(threads);
            for (std::size_t n = 0; n < test::all_of(one.values).size(); ++n) {
                EXPECT_EQ(*test::all_of(more.values)[n].numbers, *test::all_of(one.values)[n].numbers)
                    << test::all_of(one.values)[n].name << " threads " << threads;
            }
        }
    }
}

TEST_P(Lstm, RowsOfATableGiveTheBitsOfTheirCopies) {
    const LstmCase made({4, 7, 9, 20}, seed, 1, 8);
    const Layer shared = made.layer();
    std::vector<float> copies;
    for (const std::int64_t id : made.ids) copies.insert(copies.end(), made.x.begin() + id * 9, made.x.begin() + (id + 1) * 9);
    Layer copied = shared;
    copied.input = {.data = copies.data(), .rows = 28};
    const LstmResult from_table = LstmCase::run(shared, made.upstream());
    const LstmResult from_copies = LstmCase::run(copied, made.upstream());
    EXPECT_EQ(from_table.values.h_BTH, from_copies.values.h_BTH);
    EXPECT_EQ(from_table.values.dw_hh_GH, from_copies.values.dw_hh_GH);
    Layer in_place = shared;
    in_place.input = {.data = made.x.data(), .rows = 28, .stored = made.ids.data()};
    EXPECT_EQ(LstmCase::run(in_place, made.upstream()).values.dw_ih_GI, from_copies.values.dw_ih_GI);
}

TEST_P(Lstm, ASequenceInTwoPartsGivesTheBitsOfTheWhole) {
    const LstmCase made({1, 9, 6, 21}, seed);
    const LstmResult whole = made.run();
    Layer first = made.layer();
    first.shape.steps = first.input.rows = 4;
    LstmResult head(first);
    forward(first, head.trace(), head.output());
    Layer second = made.layer();
    second.shape.steps = second.input.rows = 5;
    second.input.data += 4 * 6;
    second.h0_BH = head.values.h_last_BH.data();
    second.c0_BH = head.values.c_last_BH.data();
    LstmResult tail(second);
    forward(second, tail.trace(), tail.output());
    EXPECT_TRUE(std::equal(tail.values.h_BTH.begin(), tail.values.h_BTH.end(), whole.values.h_BTH.begin() + 4 * 21));
    EXPECT_EQ(tail.values.c_last_BH, whole.values.c_last_BH);
}

TEST_P(Lstm, ASequenceDoesNotDependOnItsNeighbours) {
    const LstmCase made({8, 5, 6, 21}, seed);
    const LstmResult whole = made.run();
    Layer alone = made.layer();
    alone.shape.batch = 1;
    alone.input.rows = 5;
    alone.input.data += 3 * 5 * 6;
    alone.h0_BH += 3 * 21;
    alone.c0_BH += 3 * 21;
    LstmResult one(alone);
    forward(alone, one.trace(), one.output());
    EXPECT_TRUE(std::equal(one.values.h_BTH.begin(), one.values.h_BTH.end(), whole.values.h_BTH.begin() + 3 * 5 * 21));
}

TEST_P(Lstm, WhatIsNotWantedIsNotWrittenAndChangesNothing) {
    const LstmCase made({3, 4, 6, 18}, seed);
    const LstmResult all = made.run();
    LstmResult few(made.layer());
    forward(made.layer(), few.trace(), {.h_BTH = few.values.h_BTH.data()});
    EXPECT_EQ(few.values.h_BTH, all.values.h_BTH);
    backward(made.layer(), few.trace(), few.values.h_BTH.data(), made.upstream(), {.w_hh_GH = few.values.dw_hh_GH.data()});
    EXPECT_EQ(few.values.dw_hh_GH, all.values.dw_hh_GH);
    backward(made.layer(), few.trace(), few.values.h_BTH.data(), made.upstream(), {.rows_RI = few.values.drows_RI.data()});
    EXPECT_EQ(few.values.drows_RI, all.values.drows_RI);
}

TEST_P(Lstm, NanReachesEverythingAfterItInItsSequenceAndNothingElse) {
    LstmCase made({3, 4, 6, 18}, seed);
    made.x[(1 * 4 + 2) * 6 + 5] = std::nanf("");
    const LstmResult result = made.run();
    for (std::int64_t b = 0; b < 3; ++b) {
        for (std::int64_t t = 0; t < 4; ++t) {
            for (std::int64_t u = 0; u < 18; ++u)
                ASSERT_EQ(std::isnan(result.values.h_BTH[(b * 4 + t) * 18 + u]), b == 1 && t >= 2) << b << " " << t << " " << u;
        }
        for (std::int64_t u = 0; u < 18; ++u) EXPECT_EQ(std::isnan(result.values.dh0_BH[b * 18 + u]), b == 1) << b;
    }
    for (const float number : result.values.dw_hh_GH) ASSERT_TRUE(std::isnan(number));
}

/// Units in the last place of `exact`, the spacing of fp32 there.
double ulps(float got, double exact) {
    const double spacing = std::exp2(std::max(std::floor(std::log2(std::abs(exact))), -126.0) - 23);
    return std::abs(got - exact) / spacing;
}

TEST_P(Lstm, SigmoidAndTanhAreRightTo2Point5Ulps) {
    const StepKernel& kernel = step_kernel(GetParam());
    std::vector<float> x;
    for (std::uint32_t bits = 0; bits < std::bit_cast<std::uint32_t>(87.0F); bits += 9973) {
        x.push_back(std::bit_cast<float>(bits));
        x.push_back(-x.back());
    }
    x.resize(x.size() / 16 * 16);
    std::vector<float> s = x;
    std::vector<float> t = x;
    kernel.sigmoid(s.data(), std::ssize(s));
    kernel.tanh(t.data(), std::ssize(t));
    double worst_sigmoid = 0;
    double worst_tanh = 0;
    for (std::size_t n = 0; n < x.size(); ++n) {
        const double exact = x[n];
        worst_sigmoid = std::max(worst_sigmoid, ulps(s[n], 1 / (1 + std::exp(-exact))));
        if (x[n] != 0) worst_tanh = std::max(worst_tanh, ulps(t[n], std::tanh(exact)));
    }
    EXPECT_LE(worst_sigmoid, 2.5);
    EXPECT_LE(worst_tanh, 2.5);
    EXPECT_GT(worst_tanh, 0.4) << "no function in fp32 is that good";
    RecordProperty("sigmoid_ulps", std::to_string(worst_sigmoid));
    RecordProperty("tanh_ulps", std::to_string(worst_tanh));
}

TEST_P(Lstm, SigmoidAndTanhKeepLimitsSignsAndNan) {
    const StepKernel& kernel = step_kernel(GetParam());
    constexpr float inf = std::numeric_limits<float>::infinity();
    std::vector<float> x(16, 0.0F);
    x[0] = inf;
    x[1] = -inf;
    x[2] = std::nanf("");
    x[3] = -0.0F;
    x[4] = 1e-40F;
    x[5] = -1000;
    std::vector<float> s = x;
    std::vector<float> t = x;
    kernel.sigmoid(s.data(), 16);
    kernel.tanh(t.data(), 16);
    EXPECT_EQ(s[0], 1);
    EXPECT_EQ(s[1], 0);
    EXPECT_TRUE(std::isnan(s[2]));
    EXPECT_EQ(s[3], 0.5);
    EXPECT_EQ(s[5], 0);
    EXPECT_EQ(t[0], 1);
    EXPECT_EQ(t[1], -1);
    EXPECT_TRUE(std::isnan(t[2]));
    EXPECT_TRUE(t[3] == 0 && std::signbit(t[3]));
    EXPECT_EQ(t[4], 1e-40F);
    EXPECT_EQ(t[5], -1);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Lstm, testing::ValuesIn(test::all_isas),
                         [](const testing::TestParamInfo<Isa>& isa) { return std::string(name(isa.param)); });

}  // namespace
}  // namespace plumb::kernels::lstm
