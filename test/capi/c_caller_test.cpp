// SPDX-License-Identifier: Apache-2.0
// A C11 program's call (c_caller.c), whose result is known without any attention.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

extern "C" int c_causal_mean(const float* values, std::int64_t length, float* out);

namespace plumb {
namespace {

TEST(CCaller, GetsTheMeanOfTheValuesThatEachQuerySees) {
    const std::vector<float> values = {4, 2, 0, 10, -6};
    std::vector<float> out(values.size());
    ASSERT_EQ(c_causal_mean(values.data(), 5, out.data()), 0);
    const std::vector<float> means = {4, 3, 2, 4, 2};
    for (std::size_t i = 0; i < means.size(); ++i) EXPECT_NEAR(out[i], means[i], 1e-6F) << i;
}

}  // namespace
}  // namespace plumb
