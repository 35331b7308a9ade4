// SPDX-License-Identifier: Apache-2.0
// The fused loss in the precisions medium and high: the accuracy rule against a plain form that multiplies the same parts, the laws that do
// not depend on precision, and the reason where there is no AMX.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention/error_norm.h"
#include "kernels/attention/split.h"
#include "kernels/isa_guard.h"
#include "kernels/loss_case.h"

namespace plumb::kernels::loss {
namespace {

using attention::Split;
using test::LossCase;
using test::LossResult;
using test::LossShape;

constexpr std::uint64_t seed = 33;
constexpr Precision low_precisions[] = {Precision::medium, Precision::high};

/// What one number times another is in `high`; in `medium` the low parts are 0.
float product(const Split& a, const Split& b) {
    return a.low * b.high + a.high * b.low + a.high * b.high;
}

std::vector<Split> split_all(Precision precision, const std::vector<float>& numbers) {
    std::vector<Split> parts;
    for (const float number : numbers) parts.push_back(attention::split(precision, number));
    return parts;
}

/// One step after the other with the parts of everything that is multiplied, sums in fp32.
test::StepwiseLoss<float> plain_parts(const LossCase& c) {
    const auto [rows, vocabulary, features] = c.shape;
    const std::vector<Split> hidden = split_all(c.precision, c.hidden_RE);
    const std::vector<Split> weight = split_all(c.precision, c.weight_VE);
    test::StepwiseLoss<float> result{std::vector<float>(rows), std::vector<float>(rows * features),
                                     std::vector<float>(vocabulary * features)};
    std::vector<float> logit_V(vocabulary);
    for (std::int64_t r = 0; r < rows; ++r) {
        const float row_weight = c.row_weight_R[r];
        if (row_weight == 0) continue;
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            logit_V[v] = 0;
            for (std::int64_t e = 0; e < features; ++e) logit_V[v] += product(hidden[r * features + e], weight[v * features + e]);
        }
        const float target_logit = logit_V[c.target_R[r]];
        const float largest = *std::max_element(logit_V.begin(), logit_V.end());
        std::vector<Split> exponentials;
        float total = 0;
        for (const float logit : logit_V) {
            exponentials.push_back(attention::split(c.precision, std::exp(logit - largest)));
            total += exponentials.back().high + exponentials.back().low;
        }
        result.nll_R[r] = std::log(total) + largest - target_logit;
        std::vector<float> sums(features);
        for (std::int64_t v = 0; v < vocabulary; ++v) {
            for (std::int64_t e = 0; e < features; ++e) {
                sums[e] += product(exponentials[v], weight[v * features + e]);
                const float scaled = row_weight / total * c.hidden_RE[r * features + e];
                result.dweight_VE[v * features + e] += product(exponentials[v], attention::split(c.precision, scaled));
            }
        }
        for (std::int64_t e = 0; e < features; ++e) {
            const Split& target = weight[c.target_R[r] * features + e];
            result.dhidden_RE[r * features + e] = row_weight * (sums[e] / total - (target.high + target.low));
            result.dweight_VE[c.target_R[r] * features + e] -= row_weight * c.hidden_RE[r * features + e];
        }
    }
    return result;
}

/// Enough rows, entries and features that the largest of many errors is compared with the largest of many. Several blocks and row chunks.
const LossShape shapes[] = {{50, 241, 17}, {40, 600, 70}, {300, 90, 40}};

TEST(FusedLossPrecision, KeepsTheAccuracyRule) {
    PLUMB_SKIP_WITHOUT(Isa::amx);
    const test::ForcedIsa forced(Isa::amx);
    const struct {
        const char* name;
        void (*change)(LossCase&);
    } distributions[] = {{"normal", [](LossCase&) {}},
                         {"growing logits", [](LossCase& c) { test::let_logits_grow(c, 150); }},
                         {"nearly certain", test::point_at_targets}};
    for (const Precision precision : low_precisions) {
        for (const LossShape& shape : shapes) {
            for (const auto& distribution : distributions) {
                LossCase c(shape, seed);
                distribution.change(c);
                c.precision = precision;
                const LossResult got = c.run(/*with_dweight=*/true);
                const test::StepwiseLoss<double> exact = test::stepwise<double>(c, test::given_order(shape.features));
                const test::StepwiseLoss<float> plain = plain_parts(c);
                const std::string what = std::string(name(precision)) + " " + text(shape) + " " + distribution.name;
                const auto expect = [&](double error, double yardstick, const std::vector<double>& numbers, const char* tensor) {
                    EXPECT_LE(error, attention::error_bound(yardstick, test::largest_magnitude(numbers), base::Dtype::fp32))
                        << tensor << " " << what << " seed " << seed << ": " << error / yardstick << " of the yardstick " << yardstick;
                };
                expect(test::largest_error(got.nll_R, exact.nll_R), test::largest_error(plain.nll_R, exact.nll_R), exact.nll_R, "nll");
                expect(test::largest_error(got.dhidden_RE.widened(), exact.dhidden_RE),
                       test::largest_error(plain.dhidden_RE, exact.dhidden_RE), exact.dhidden_RE, "dH");
                expect(test::largest_error(got.dweight_VE, exact.dweight_VE), test::largest_error(plain.dweight_VE, exact.dweight_VE),
                       exact.dweight_VE, "dW");
            }
        }
    }
}

TEST(FusedLossPrecision, ChangesNoBitWithThreadsNeighboursOrGradients) {
    PLUMB_SKIP_WITHOUT(Isa::amx);
    const test::ForcedIsa forced(Isa::amx);
    for (const Precision precision : low_precisions) {
        LossCase c({70, 600, 20}, seed);
        test::let_logits_grow(c, 100);
        c.precision = precision;
        const LossResult one = c.run(true);
        const LossResult three = c.run(true, 3);
        EXPECT_EQ(three.nll_R, one.nll_R);
        EXPECT_EQ(three.dhidden_RE, one.dhidden_RE);
        EXPECT_EQ(three.dweight_VE, one.dweight_VE);
        EXPECT_EQ(c.evaluate().nll_R, one.nll_R);
        c.hidden_RE[5 * 20 + 3] = std::numeric_limits<float>::quiet_NaN();
        const LossResult spoilt = c.run(false);
        EXPECT_TRUE(std::isnan(spoilt.loss));
        for (std::int64_t r = 0; r < 70; ++r) {
            if (r == 5) continue;
            EXPECT_EQ(spoilt.nll_R[r], one.nll_R[r]) << r;
            EXPECT_EQ(spoilt.dhidden_RE.at(r * 20), one.dhidden_RE.at(r * 20)) << r;
        }
    }
}

TEST(FusedLossPrecision, GivesTheReasonWithoutAmx) {
    const test::ForcedIsa forced(Isa::scalar);
    for (const Precision precision : low_precisions) {
        LossCase c({2, 5, 3}, seed);
        c.precision = precision;
        try {
            c.evaluate();
            FAIL() << "ran";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
            const std::string start = "fused loss of precision " + std::string(name(precision)) + " needs AMX, but ";
            EXPECT_EQ(std::string(error.what()).rfind(start, 0), 0) << error.what();
        }
    }
}

}  // namespace
}  // namespace plumb::kernels::loss
