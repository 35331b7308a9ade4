// SPDX-License-Identifier: Apache-2.0
// Optimizers against their formulas in fp64, and against the laws they obey, on every instruction set.
#include "kernels/optimizer/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/isa_guard.h"
#include "kernels/optimizer_case.h"

namespace plumb::kernels::optimizer {
namespace {

using test::ExactNumber;
using test::OptimizerCase;

constexpr std::uint64_t seed = 5;
constexpr double rate = 0.01;

class Optimizer : public testing::TestWithParam<Isa> {
  protected:
    void SetUp() override {
        PLUMB_SKIP_WITHOUT(GetParam());
        set_isa(GetParam());
    }
    void TearDown() override { reset_isa(); }
};

/// A step rounds p twice, at its own size: where it shrinks and where it moves. The way it moves is right to some ten roundings of numbers
/// below 10 (normal gradients), which count `rate` = 1/100 times: together less than two units of 1.
TEST_P(Optimizer, FollowsTheFormulaOverSeveralSteps) {
    constexpr std::int64_t steps = 6;
    for (const Rule rule : test::every_rule) {
        for (const double scale : {1.0, 0.25}) {
            const Form form{.rule = rule, .decay = 0.05};
            OptimizerCase made({1000, 1, 19}, seed);
            std::vector<std::vector<ExactNumber>> exact;
            for (const auto& n : made.numbers) {
                exact.emplace_back();
                for (const float value : n.values) exact.back().push_back({value});
            }
            for (std::int64_t step = 1; step <= steps; ++step) {
                made.draw_gradients();
                for (std::size_t n = 0; n < exact.size(); ++n) {
                    for (std::size_t i = 0; i < exact[n].size(); ++i)
                        exact[n][i].update(form, scale * made.numbers[n].gradients[i], rate, step);
                }
                update(form, made.parameters(), rate, scale, step, 1);
            }
            for (std::size_t n = 0; n < exact.size(); ++n) {
                for (std::size_t i = 0; i < exact[n].size(); ++i) {
                    const double size = std::abs(exact[n][i].value) + 1;
                    ASSERT_NEAR(made.numbers[n].values[i], exact[n][i].value, steps * 2 * 0x1p-24 * size)
                        << "rule " << static_cast<int>(rule) << " number " << i << " of " << n << " seed " << seed;
                    ASSERT_NE(made.numbers[n].values[i], 0);
                }
            }
        }
    }
}

TEST_P(Optimizer, GivesTheSameBitsForAnyNumberOfThreadsAndAnyCut) {
    for (const Rule rule : test::every_rule) {
        const Form form{.rule = rule, .decay = 0.05};
        OptimizerCase whole({70001}, seed);
        update(form, whole.parameters(), rate, 1, 1, 1);
        for (const int threads : {2, 3}) {
            OptimizerCase again({70001}, seed);
            update(form, again.parameters(), rate, 1, 1, threads);
            EXPECT_EQ(again.numbers[0].values, whole.numbers[0].values) << threads;
            EXPECT_EQ(again.numbers[0].second, whole.numbers[0].second) << threads;
        }
        OptimizerCase cut({70001}, seed);
        const Parameter p = cut.parameters()[0];
        const Parameter parts[] = {{p.values, p.gradients, p.first, p.second, 33},
                                   {p.values + 33, p.gradients + 33, p.first + 33, p.second + 33, p.count - 33}};
        update(form, parts, rate, 1, 1, 2);
        EXPECT_EQ(cut.numbers[0].values, whole.numbers[0].values);
    }
}

TEST_P(Optimizer, NormIsThatOfAllGradientsForAnyNumberOfThreads) {
    OptimizerCase made({40000, 3, 17}, seed);
    double sum = 0;
    for (const auto& n : made.numbers) {
        for (const float g : n.gradients) sum += static_cast<double>(g) * g;
    }
    const double norm = gradient_norm(made.parameters(), 1);
    EXPECT_NEAR(norm, std::sqrt(sum), 1e-12 * norm);
    EXPECT_EQ(gradient_norm(made.parameters(), 3), norm);
    made.numbers[1].gradients[2] = std::nanf("");
    EXPECT_TRUE(std::isnan(gradient_norm(made.parameters(), 2)));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Optimizer, testing::ValuesIn(test::all_isas),
                         [](const testing::TestParamInfo<Isa>& isa) { return std::string(name(isa.param)); });

TEST(OptimizerBounds, ClippingBringsTheNormDownAndNeverUp) {
    EXPECT_EQ(clipping_scale(3, 0), 1);
    EXPECT_EQ(clipping_scale(0.5, 1), 1);
    EXPECT_NEAR(4 * clipping_scale(4, 1), 1, 1e-6);
    EXPECT_TRUE(std::isnan(clipping_scale(std::nan(""), 1)));
}

template <class Action>
void expect_refused(const Action& action, const char* part) {
    try {
        action();
        FAIL() << "accepted: " << part;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
}

TEST(OptimizerBounds, RefusesWhatIsNoStep) {
    OptimizerCase made({4, 4}, seed);
    std::vector<Parameter> parameters = made.parameters();
    expect_refused([&] { update({}, parameters, rate, 1, 0, 1); }, "step is 0");
    expect_refused([&] { update({}, parameters, rate, 1, 1, 0); }, "threads is 0");
    parameters[1].second = nullptr;
    expect_refused([&] { update({}, parameters, rate, 1, 1, 1); }, "parameter 1 lacks");
    update({.rule = Rule::momentum}, parameters, rate, 1, 1, 1);
    parameters[0].gradients = nullptr;
    expect_refused([&] { gradient_norm(parameters, 1); }, "parameter 0 has no gradients");
}

}  // namespace
}  // namespace plumb::kernels::optimizer
