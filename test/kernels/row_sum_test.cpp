// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/dtype.h"
#include "base/random.h"
#include "kernels/isa_guard.h"
#include "kernels/protect/guarded_tile.h"

namespace plumb::test {
namespace {

class RowSum : public testing::TestWithParam<kernels::Isa> {};

INSTANTIATE_TEST_SUITE_P(Every, RowSum, testing::ValuesIn(all_isas),
                         [](const auto& parameter) { return std::string(kernels::name(parameter.param)); });

TEST_P(RowSum, IsTheSumInSixteenPartsWhateverLiesBetweenTheNumbers) {
    PLUMB_SKIP_WITHOUT(GetParam());
    constexpr std::uint64_t seed = 20261126;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto& kernel = kernels::protect::guarded_kernel(GetParam());
    constexpr std::int64_t most = 100;
    std::vector<float> drawn(most);
    base::RandomStream(seed, "row sum test").fill_normal(drawn, 0, 3);
    for (const base::Dtype dtype : {base::Dtype::fp32, base::Dtype::bf16, base::Dtype::fp16}) {
        for (const std::int64_t column : {1, 3}) {
            std::vector<float> memory(most * column, 1e9F);  // as bytes: room for any type
            for (std::int64_t i = 0; i < most; ++i) base::store(dtype, memory.data(), i * column, drawn[i]);
            for (const std::int64_t count : {0, 1, 7, 15, 16, 17, 64, 100}) {
                std::array<float, 16> parts{};
                for (std::int64_t i = 0; i < count; ++i) parts[i % 16] += base::load(dtype, memory.data(), i * column);
                for (std::int64_t half = 8; half > 0; half /= 2) {
                    for (std::int64_t p = 0; p < half; ++p) parts[p] += parts[p + half];
                }
                EXPECT_EQ(kernel.sum_row(dtype, memory.data(), column, count), parts[0])
                    << base::name(dtype) << ", " << count << " numbers, every " << column;
            }
        }
    }
}

}  // namespace
}  // namespace plumb::test
