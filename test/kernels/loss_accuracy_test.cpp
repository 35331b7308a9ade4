// SPDX-License-Identifier: Apache-2.0
// The fused loss keeps the accuracy rule of kernels/attention/accuracy.h on every shape, type and distribution: at most twice the error of
// the plain fp32 form against fp64, plus the rounding of the result. Norm: the largest absolute error over a tensor.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/attention/error_norm.h"
#include "kernels/isa_guard.h"
#include "kernels/loss_case.h"

namespace plumb::kernels::loss {
namespace {

using test::LossCase;
using test::LossShape;

constexpr std::uint64_t seed = 31;

/// One row, one entry, one feature; sizes that fill no vector, square, block, feature chunk or row chunk, and some that just do.
const LossShape shapes[] = {{1, 1, 1},    {1, 2, 1},     {1, 5, 3},     {3, 7, 4},      {7, 4, 9},      {5, 239, 12},
                            {24, 240, 8}, {25, 241, 17}, {70, 500, 33}, {300, 130, 40}, {30, 700, 300}, {9, 1000, 64}};

struct Distribution {
    const char* name;
    void (*change)(LossCase&);
};
const Distribution distributions[] = {
    {"normal", [](LossCase&) {}},
    {"large logits", [](LossCase& c) { std::for_each(c.hidden_RE.begin(), c.hidden_RE.end(), [](float& x) { x *= 25; }); }},
    {"growing logits", [](LossCase& c) { test::let_logits_grow(c, 150); }},
    {"falling logits", [](LossCase& c) { test::let_logits_grow(c, -150); }},
    {"equal rows of the weight",
     [](LossCase& c) {
         for (std::size_t i = c.shape.features; i < c.weight_VE.size(); ++i) c.weight_VE[i] = c.weight_VE[i - c.shape.features];
     }},
    {"nearly certain", test::point_at_targets},
    {"tiny", [](LossCase& c) { std::for_each(c.hidden_RE.begin(), c.hidden_RE.end(), [](float& x) { x *= 1e-36F; }); }},
    {"zero", [](LossCase& c) { std::fill(c.hidden_RE.begin(), c.hidden_RE.end(), 0.0F); }},
};

class LossAccuracy : public testing::TestWithParam<Isa> {
  protected:
    void expect_within(const LossCase& c, const std::string& what) {
        const test::ForcedIsa forced(GetParam());
        const test::LossResult got = c.run(/*with_dweight=*/true);
        const test::StepwiseLoss<double> exact = test::stepwise<double>(c, test::given_order(c.shape.features));
        const bool few = c.shape.rows * c.shape.features < 4096;
        const test::LossErrors plain = test::yardstick_errors(c, exact, few ? 4 : 1, seed);
        const test::LossErrors single = few ? test::single_rounding(c) : test::LossErrors{};
        const Rounding reference(c);
        expect(test::largest_error(got.nll_R, exact.nll_R), std::max(plain.nll, single.nll), exact.nll_R, base::Dtype::fp32, reference.nll,
               "nll " + what);
        expect(test::largest_error(got.dhidden_RE.widened(), exact.dhidden_RE), std::max(plain.dhidden, single.dhidden), exact.dhidden_RE,
               c.dtype, reference.dhidden, "dH " + what);
        expect(test::largest_error(got.dweight_VE, exact.dweight_VE), std::max(plain.dweight, single.dweight), exact.dweight_VE,
               base::Dtype::fp32, reference.dweight, "dW " + what);
        double sum = 0;
        for (std::int64_t r = 0; r < c.shape.rows; ++r) sum += c.row_weight_R[r] * got.nll_R[r];
        EXPECT_EQ(got.loss, sum) << what;
    }

  private:
    /// Of the fp64 reference, which takes p - 1 and log-sum-exp - logit as differences: a logit of size l is wrong by 2^-53 l a term at
    /// most, and so are probabilities, relative to 1.
    struct Rounding {
        explicit Rounding(const LossCase& c) {
            const auto size = [](const std::vector<float>& numbers) {
                double largest = 0;
                for (const float number : numbers) largest = std::max(largest, std::abs(static_cast<double>(number)));
                return largest;
            };
            const double hidden = size(c.hidden_RE);
            const double weight = size(c.weight_VE);
            nll = 0x1p-52 * (1 + static_cast<double>(c.shape.features) * hidden * weight);
            dhidden = nll * size(c.row_weight_R) * weight;
            dweight = nll * size(c.row_weight_R) * hidden * static_cast<double>(c.shape.rows);
        }
        double nll, dhidden, dweight;
    };

    void expect(double error, double yardstick, const std::vector<double>& exact, base::Dtype dtype, double reference_rounding,
                const std::string& what) {
        const double bound = attention::error_bound(yardstick, test::largest_magnitude(exact), dtype) + reference_rounding;
        EXPECT_LE(error, bound) << what << " seed " << seed << ": " << error / yardstick << " of the yardstick " << yardstick;
    }
};

TEST_P(LossAccuracy, HoldsOnEveryShapeAndDistribution) {
    PLUMB_SKIP_WITHOUT(GetParam());
    for (const LossShape& shape : shapes) {
        for (const Distribution& distribution : distributions) {
            LossCase c(shape, seed);
            distribution.change(c);
            expect_within(c, text(shape) + " " + distribution.name);
        }
    }
}

TEST_P(LossAccuracy, HoldsForBf16) {
    PLUMB_SKIP_WITHOUT(GetParam());
    for (const LossShape& shape : {LossShape{1, 5, 3}, LossShape{25, 241, 17}, LossShape{70, 500, 33}}) {
        for (const Distribution& distribution : distributions) {
            LossCase c(shape, seed);
            distribution.change(c);
            c.round_to(base::Dtype::bf16);
            expect_within(c, "bf16 " + text(shape) + " " + distribution.name);
        }
    }
}

TEST(LossDistributions, GrowBeyondE60AndAreNearlyCertain) {
    LossCase growing({9, 1000, 64}, seed);
    test::let_logits_grow(growing, 150);
    const auto logit = [&](const LossCase& c, std::int64_t r, std::int64_t v) {
        double sum = 0;
        for (std::int64_t e = 0; e < c.shape.features; ++e)
            sum += static_cast<double>(c.hidden_RE[r * c.shape.features + e]) * c.weight_VE[v * c.shape.features + e];
        return sum;
    };
    for (std::int64_t r = 0; r < growing.shape.rows; ++r) {
        double first_block = -1e30;
        double later = -1e30;
        for (std::int64_t v = 0; v < growing.shape.vocabulary; ++v) {
            double& largest = v < 240 ? first_block : later;
            largest = std::max(largest, logit(growing, r, v));
        }
        EXPECT_GT(later, first_block + 60) << r;
    }
    LossCase certain({70, 500, 33}, seed);
    test::point_at_targets(certain);
    const test::StepwiseLoss<double> exact = test::stepwise<double>(certain, test::given_order(33));
    EXPECT_LT(*std::min_element(exact.nll_R.begin() + 20, exact.nll_R.begin() + 24), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, LossAccuracy, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace plumb::kernels::loss
