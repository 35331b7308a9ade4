// SPDX-License-Identifier: Apache-2.0
// The reference of the layer against differences of its own outputs, and what the layer refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/lstm_case.h"

namespace plumb::kernels::lstm {
namespace {

using test::LstmCase;
using test::LstmResult;

constexpr std::uint64_t seed = 19;

double dot(const std::vector<float>& weights, const std::vector<double>& numbers) {
    double sum = 0;
    for (std::size_t n = 0; n < numbers.size(); ++n) sum += weights[n] * numbers[n];
    return sum;
}

/// The loss whose gradients upstream() are.
double loss(const LstmCase& made) {
    const auto result = plain<double>(made.layer(), made.upstream());
    return dot(made.dh, result.h_BTH) + dot(made.dh_last, result.h_last_BH) + dot(made.dc_last, result.c_last_BH);
}

/// The step is a power of two that changes every number exactly; the error of a central difference is its square by a third derivative of
/// order 1.
TEST(LstmReference, GradientsAreDifferencesOfTheLoss) {
    LstmCase made({2, 4, 3, 5}, seed, 1, 4);
    const auto gradients = plain<double>(made.layer(), made.upstream());
    constexpr float step = 0x1p-9F;
    const auto expect_differences = [&](std::vector<float>& numbers, const std::vector<double>& expected, const char* what) {
        for (std::size_t n = 0; n < expected.size(); ++n) {
            float& number = numbers[n];
            const float was = number = std::round(number * 0x1p12F) * 0x1p-12F;
            number = was + step;
            const double above = loss(made);
            number = was - step;
            const double below = loss(made);
            number = was;
            EXPECT_NEAR((above - below) / (2 * step), expected[n], 2e-3) << what << " " << n << " seed " << seed;
        }
    };
    expect_differences(made.w_ih, gradients.dw_ih_GI, "w_ih");
    expect_differences(made.w_hh, gradients.dw_hh_GH, "w_hh");
    expect_differences(made.b_ih, gradients.db_G, "b_ih");
    expect_differences(made.b_hh, gradients.db_G, "b_hh");
    expect_differences(made.h0, gradients.dh0_BH, "h0");
    expect_differences(made.c0, gradients.dc0_BH, "c0");
    ASSERT_EQ(made.distinct.stored.size(), 4U) << "every row of the table is read";
    expect_differences(made.x, gradients.drows_RI, "rows");
}

/// One unit, one step, numbers that can be followed by hand.
TEST(LstmReference, OneUnitFollowsTheFormula) {
    LstmCase made({1, 1, 1, 1}, seed);
    made.x = {1};
    made.w_ih = {0.5F, -1, 2, 0.25F};
    made.w_hh = {1, 1, 1, 1};
    made.b_ih = made.b_hh = {0, 0, 0, 0};
    made.h0 = {0.5F};
    made.c0 = {2};
    const auto result = plain<double>(made.layer(), made.upstream());
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    const double c = sigmoid(-0.5) * 2 + sigmoid(1.0) * std::tanh(2.5);
    EXPECT_NEAR(result.c_last_BH[0], c, 1e-15);
    EXPECT_NEAR(result.h_BTH[0], sigmoid(0.75) * std::tanh(c), 1e-15);
}

TEST(LstmInput, DistinctRowsAreAscendingAndLeadBackToTheIds) {
    const std::vector<std::int64_t> ids = {7, 3, 7, 0, 3, 9};
    const DistinctRows distinct = distinct_rows(ids, 10);
    EXPECT_THAT(distinct.stored, testing::ElementsAre(0, 3, 7, 9));
    for (std::size_t n = 0; n < ids.size(); ++n) EXPECT_EQ(distinct.stored[distinct.row_of[n]], ids[n]);
}

template <class Action>
void expect_refused(const Action& action, const std::string& part) {
    try {
        action();
        FAIL() << "accepted: " << part;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr(part));
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(LstmInput, RefusesWhatIsNoLayer) {
    const LstmCase made({2, 3, 4, 5}, seed);
    LstmResult result(made.layer());
    const auto expect_layer_refused = [&](const Layer& layer, const char* part) {
        expect_refused([&] { forward(layer, result.trace(), result.output()); }, part);
        expect_refused([&] { backward(layer, result.trace(), result.values.h_BTH.data(), made.upstream(), result.gradients()); }, part);
    };
    Layer layer = made.layer();
    layer.shape.steps = 0;
    expect_layer_refused(layer, "2, 0, 4, 5");
    layer = made.layer(0);
    expect_layer_refused(layer, "threads is 0");
    layer = made.layer();
    layer.weights.w_hh_GH = nullptr;
    expect_layer_refused(layer, "w_hh is a null pointer");
    layer = made.layer();
    layer.input.rows = 5;
    expect_layer_refused(layer, "5 rows for 6 positions");
    const std::vector<std::int64_t> beyond = {0, 1, 2, 3, 6, 0};
    layer = made.layer();
    layer.input.row_of = beyond.data();
    expect_layer_refused(layer, "position 4 reads row 6 of 6");
    expect_refused([&] { forward(made.layer(), result.trace(), {}); }, "the output is a null pointer");
    const std::vector<std::int64_t> ids = {1, 5};
    expect_refused([&] { distinct_rows(ids, 5); }, "id 5 at position 1 of a table of 5 rows");
}

}  // namespace
}  // namespace plumb::kernels::lstm
