// SPDX-License-Identifier: Apache-2.0
// The fused loss as a function of LibTorch's autograd against LibTorch's own forms.
#include "nn/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace plumb::nn {
namespace {

constexpr std::uint64_t seed = 71;

struct Case {
    Case(std::int64_t rows, std::int64_t vocabulary, std::int64_t features, base::Dtype dtype, bool trains_weight) {
        std::vector<float> numbers(rows * features);
        base::RandomStream(seed, "hidden").fill_normal(numbers, 0, 1);
        hidden = base::Numbers(dtype, numbers);
        numbers.resize(vocabulary * features);
        base::RandomStream(seed, "weight").fill_normal(numbers, 0, 0.1F);
        weight = base::Numbers(dtype, numbers);
        const base::RandomStream targets(seed, "targets");
        for (std::int64_t r = 0; r < rows; ++r) {
            target.push_back(static_cast<std::int64_t>(targets.below(r, vocabulary)));
            row_weight.push_back(r % 5 == 4 ? 0.0F : 1.0F / static_cast<float>(rows));
        }
        problem = {.rows = rows,
                   .vocabulary = vocabulary,
                   .features = features,
                   .dtype = dtype,
                   .hidden_RE = hidden.data(),
                   .weight_VE = weight.data(),
                   .target_R = target.data(),
                   .row_weight_R = row_weight.data(),
                   .trains_weight = trains_weight};
    }

    base::Numbers hidden, weight;
    std::vector<std::int64_t> target;
    std::vector<float> row_weight;
    LossProblem problem;
};

struct Results {
    double loss = 0;
    std::vector<float> dhidden, dweight;
};

Results run(const std::string& name, const Case& made) {
    const auto form = make_loss_form(name, made.problem);
    Results results;
    results.loss = form->step();
    results.dhidden.resize(made.hidden.size());
    if (made.problem.trains_weight) results.dweight.resize(made.weight.size());
    form->copy_gradients(results.dhidden, results.dweight);
    EXPECT_NEAR(form->evaluate(), results.loss, 1e-6 * std::abs(results.loss)) << name;
    return results;
}

/// Both round: a few hundred units of the largest number, in the type that the numbers have.
void expect_close(const std::vector<float>& got, const std::vector<float>& expected, double unit, const std::string& what) {
    ASSERT_EQ(got.size(), expected.size()) << what;
    double largest = 0;
    double error = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
        error = std::max(error, std::abs(static_cast<double>(got[i]) - expected[i]));
    }
    EXPECT_GT(largest, 0) << what;
    EXPECT_LE(error, 100 * unit * largest) << what;
}

void expect_same(const Results& got, const Results& expected, double unit, const std::string& what) {
    EXPECT_NEAR(got.loss, expected.loss, 1e-5 * std::abs(expected.loss)) << what;
    expect_close(got.dhidden, expected.dhidden, unit, what + " dhidden");
    if (!expected.dweight.empty()) expect_close(got.dweight, expected.dweight, unit, what + " dweight");
}

TEST(LinearCrossEntropy, EveryFormGivesTheSameLossAndGradients) {
    for (const bool trains_weight : {false, true}) {
        for (const double factor : {1.0, -0.25}) {
            Case made(300, 301, 40, base::Dtype::fp32, trains_weight);
            made.problem.factor = factor;
            const Results expected = run("log_softmax", made);
            for (const std::string& name : loss_form_names()) expect_same(run(name, made), expected, 0x1p-24, name);
        }
    }
}

TEST(LinearCrossEntropy, FusedRoundsBf16OnlyAtTheEnd) {
    const Case halves(60, 301, 40, base::Dtype::bf16, true);
    Case widened(60, 301, 40, base::Dtype::fp32, true);
    widened.hidden = base::Numbers(base::Dtype::fp32, halves.hidden.widened());
    widened.weight = base::Numbers(base::Dtype::fp32, halves.weight.widened());
    widened.problem.hidden_RE = widened.hidden.data();
    widened.problem.weight_VE = widened.weight.data();
    const Results expected = run("log_softmax", widened);
    const Results got = run("fused", halves);
    EXPECT_NEAR(got.loss, expected.loss, 1e-5 * expected.loss);
    // One rounding to bf16, of a number that fp32 has to a few hundred units.
    expect_close(got.dhidden, expected.dhidden, 0x1p-8 / 100 + 0x1p-24, "dhidden");
    expect_close(got.dweight, expected.dweight, 0x1p-8 / 100 + 0x1p-24, "dweight");
}

TEST(LinearCrossEntropy, ATrainedWeightIsReadAnewInEveryStep) {
    Case made(20, 50, 8, base::Dtype::fp32, true);
    const auto form = make_loss_form("fused", made.problem);
    const double before = form->step();
    for (std::size_t i = 0; i < made.weight.size(); ++i) made.weight.set(i, 3 * made.weight.at(i));
    const double after = form->step();
    EXPECT_NE(after, before);
    EXPECT_EQ(after, run("fused", made).loss);
}

TEST(LinearCrossEntropy, ThreadsChangeNoBit) {
    Case made(330, 301, 24, base::Dtype::fp32, true);
    const Results one = run("fused", made);
    made.problem.threads = 3;
    const Results three = run("fused", made);
    EXPECT_EQ(three.loss, one.loss);
    EXPECT_EQ(three.dhidden, one.dhidden);
    EXPECT_EQ(three.dweight, one.dweight);
}

TEST(LinearCrossEntropy, NamesATargetOutsideTheVocabularyUnlessItsRowIsPadding) {
    Case made(20, 50, 8, base::Dtype::fp32, false);
    const double before = make_loss_form("fused", made.problem)->step();
    made.target[4] = -100;
    EXPECT_EQ(make_loss_form("fused", made.problem)->step(), before);
    made.target[3] = 50;
    try {
        make_loss_form("fused", made.problem)->step();
        FAIL() << "took target 50 of 50";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_STREQ(error.what(), "fused loss: target 50 of row 3 is outside a vocabulary of 50");
    }
}

TEST(LinearCrossEntropy, NamesAnUnknownForm) {
    const Case made(2, 5, 3, base::Dtype::fp32, false);
    EXPECT_THROW(make_loss_form("fussed", made.problem), base::Error);
}

}  // namespace
}  // namespace plumb::nn
