// SPDX-License-Identifier: Apache-2.0
// plumb's optimizers against LibTorch's fused ones, both against the formula in fp64.
#include "nn/optimizer_peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention/error_norm.h"
#include "kernels/optimizer_case.h"

namespace plumb::nn {
namespace {

using kernels::optimizer::Form;
using kernels::optimizer::Rule;
using test::ExactNumber;
using test::OptimizerCase;

constexpr std::uint64_t seed = 31;

/// The accuracy rule with LibTorch for a yardstick, and LibTorch itself right to a hundred units.
TEST(OptimizerPeer, PlumbIsAsGoodAsLibTorch) {
    constexpr double rate = 0.003;
    for (const Rule rule : test::every_rule) {
        const Form form{.rule = rule, .decay = 0.02};
        OptimizerCase own({5000, 7}, seed);
        OptimizerCase other({5000, 7}, seed);
        const auto peer = make_optimizer_peer(form, other.parameters(), 1);
        std::vector<ExactNumber> exact;
        for (const float value : own.numbers[0].values) exact.push_back({value});
        for (std::int64_t step = 1; step <= 20; ++step) {
            for (std::size_t i = 0; i < exact.size(); ++i) exact[i].update(form, own.numbers[0].gradients[i], rate, step);
            kernels::optimizer::update(form, own.parameters(), rate, 1, step, 1);
            peer->update(rate, step);
            own.draw_gradients();
            // The peer borrows these very numbers.
            other.draw_gradients();
        }
        std::vector<double> expected;
        for (const ExactNumber& number : exact) expected.push_back(number.value);
        const double largest = kernels::attention::largest_finite(expected);
        const double theirs = kernels::attention::largest_error(expected, other.numbers[0].values);
        EXPECT_LE(theirs, 100 * 0x1p-24 * largest) << static_cast<int>(rule);
        EXPECT_LE(kernels::attention::largest_error(expected, own.numbers[0].values),
                  kernels::attention::error_bound(theirs, largest, base::Dtype::fp32))
            << static_cast<int>(rule) << " seed " << seed;
    }
}

}  // namespace
}  // namespace plumb::nn
