// SPDX-License-Identifier: Apache-2.0
#include "base/memory_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace plumb::base {
namespace {

TEST(MemoryWatch, SeesWhatWasTouchedAndGivenBack) {
    const MemoryWatch watch;
    { const std::vector<char> touched(64 << 20, 1); }
    const auto peak = watch.peak();
    if (!peak) GTEST_SKIP() << "the kernel does not let the peak be reset";
    EXPECT_GT(*peak, 60 << 20);
    EXPECT_LT(*peak, 100 << 20);
}

}  // namespace
}  // namespace plumb::base
