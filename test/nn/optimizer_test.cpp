// SPDX-License-Identifier: Apache-2.0
// The optimizers against their formulas in fp64.
#include "nn/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace plumb::nn {
namespace {

constexpr std::uint64_t seed = 5;
constexpr std::size_t numbers = 1000;
constexpr double rate = 1e-2;

struct Worked {
    std::vector<double> value, first, second;
};

/// Ten steps by the formulas of the papers, written apart from the code under test.
Worked by_formula(const OptimizerForm& form, const std::vector<float>& start, const std::vector<std::vector<float>>& gradients) {
    Worked w{{start.begin(), start.end()}, std::vector<double>(numbers), std::vector<double>(numbers)};
    for (std::size_t step = 1; step <= gradients.size(); ++step) {
        for (std::size_t i = 0; i < numbers; ++i) {
            double g = gradients[step - 1][i];
            double& p = w.value[i];
            if (form.rule == Rule::sgd || form.rule == Rule::momentum) g += form.decay * p;
            if (form.rule == Rule::sgd) p -= rate * g;
            if (form.rule == Rule::momentum) p -= rate * (w.first[i] = form.momentum * w.first[i] + g);
            if (form.rule == Rule::sgd || form.rule == Rule::momentum) continue;
            if (form.rule == Rule::adamw) p -= rate * form.decay * p;
            w.first[i] = form.beta1 * w.first[i] + (1 - form.beta1) * g;
            w.second[i] = form.beta2 * w.second[i] + (1 - form.beta2) * g * g;
            const double m = w.first[i] / (1 - std::pow(form.beta1, step));
            const double v = w.second[i] / (1 - std::pow(form.beta2, step));
            p -= rate * m / (std::sqrt(v) + form.epsilon);
        }
    }
    return w;
}

TEST(Optimizer, IsItsFormulaForEveryRule) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::vector<float> start(numbers);
    base::RandomStream(seed, "start").fill_normal(start, 0, 1);
    std::vector<std::vector<float>> gradients(10, std::vector<float>(numbers));
    for (std::size_t i = 0; i < gradients.size(); ++i) base::RandomStream(seed + i, "gradient").fill_normal(gradients[i], 0, 0.1F);
    for (const Rule rule : {Rule::adam, Rule::adamw, Rule::sgd, Rule::momentum}) {
        OptimizerForm form;
        form.rule = rule;
        form.decay = 0.1;
        std::vector<float> value = start;
        std::vector<float> first(moments_of(rule) > 0 ? numbers : 0), second(moments_of(rule) > 1 ? numbers : 0);
        for (std::size_t step = 1; step <= gradients.size(); ++step)
            update(form, {value, gradients[step - 1], first, second}, rate, 1, static_cast<std::int64_t>(step));
        const Worked expected = by_formula(form, start, gradients);
        // Ten steps of a dozen roundings, each relative to a number of at most 4.
        for (std::size_t i = 0; i < numbers; ++i)
            ASSERT_NEAR(value[i], expected.value[i], 120 * 4 * 0x1p-24) << static_cast<int>(rule) << " " << i;
    }
}

TEST(Optimizer, ScaledGradientsCountAsIfTheyHadBeenScaled) {
    for (const Rule rule : {Rule::adam, Rule::adamw, Rule::sgd, Rule::momentum}) {
        OptimizerForm form;
        form.rule = rule;
        const std::vector<float> gradient = {1, -2, 0.5F}, half = {0.5F, -1, 0.25F};
        std::vector<float> a = {1, 2, 3}, b = a, a1(3), b1(3), a2(3), b2(3);
        update(form, {a, gradient, a1, a2}, rate, 0.5, 1);
        update(form, {b, half, b1, b2}, rate, 1, 1);
        EXPECT_EQ(a, b) << static_cast<int>(rule);
    }
}

}  // namespace
}  // namespace plumb::nn
