// SPDX-License-Identifier: Apache-2.0
// The fused loss as a function of LibTorch's autograd against LibTorch's own forms.
#include "nn/linear_cross_entropy.h"

#include <gtest/gtest.h>

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

TEST(LinearCrossEntropy, EveryFormGivesTheSameLossAndGradients) {
    for (const bool trains_weight : {false, true}) {
        const Case made(300, 301, 40, base::Dtype::fp32, trains_weight);
        const Results expected = run("log_softmax", made);
        for (const std::string& name : loss_form_names()) {
            const Results got = run(name, made);
            EXPECT_NEAR(got.loss, expected.loss, 1e-5 * expected.loss) << name;
            expect_close(got.dhidden, expected.dhidden, 0x1p-24, name + " dhidden");
            if (trains_weight) expect_close(got.dweight, expected.dweight, 0x1p-24, name + " dweight");
        }
    }
}

}  // namespace
}  // namespace plumb::nn
