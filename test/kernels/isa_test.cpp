// SPDX-License-Identifier: Apache-2.0
#include "kernels/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/error.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels {
namespace {

/// PLUMB_ISA for a scope; puts back what was there.
class Environment {
  public:
    explicit Environment(const char* value) {
        if (const char* old = std::getenv("PLUMB_ISA")) old_ = old;
        setenv("PLUMB_ISA", value, 1);
    }
    ~Environment() {
        if (old_.empty()) {
            unsetenv("PLUMB_ISA");
        } else {
            setenv("PLUMB_ISA", old_.c_str(), 1);
        }
    }

  private:
    std::string old_;
};

TEST(Isa, ScalarIsAlwaysThereAndListedFirst) {
    ASSERT_FALSE(available_isas().empty());
    EXPECT_EQ(available_isas().front(), Isa::scalar);
    EXPECT_TRUE(why_not(Isa::scalar).empty());
}

TEST(Isa, EveryOneIsEitherAvailableOrHasAReason) {
    for (const Isa isa : test::all_isas) {
        const auto available = available_isas();
        const bool listed = std::find(available.begin(), available.end(), isa) != available.end();
        EXPECT_EQ(listed, why_not(isa).empty()) << name(isa);
    }
}

TEST(Isa, AgreesWithTheFlagsThatTheKernelLists) {
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line) && line.rfind("flags", 0) != 0) {
    }
    if (line.empty()) GTEST_SKIP() << "no flags line in /proc/cpuinfo";
    std::istringstream words(line);
    const std::vector<std::string> flags{std::istream_iterator<std::string>(words), {}};
    const auto has = [&](const char* flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    EXPECT_EQ(why_not(Isa::avx2).empty(), has("avx2") && has("fma") && has("f16c"));
    EXPECT_EQ(why_not(Isa::avx512).empty(),
              has("avx2") && has("fma") && has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl"));
}

TEST(Isa, TheBestIsTheDefaultAndForcingWinsOverTheEnvironment) {
    {
        const Environment scalar("scalar");
        EXPECT_EQ(current_isa(), Isa::scalar);
        const Isa best = available_isas().back();
        const test::ForcedIsa forced(best);
        EXPECT_EQ(current_isa(), best);
    }
    const Environment empty("");
    EXPECT_EQ(current_isa(), available_isas().back());
}

TEST(Isa, EveryAvailableNameCanBeForcedByTheEnvironment) {
    for (const Isa isa : available_isas()) {
        const Environment forced(std::string(name(isa)).c_str());
        EXPECT_EQ(current_isa(), isa);
    }
}

TEST(Isa, UnknownNameInTheEnvironmentIsAUsageErrorThatNamesTheNearest) {
    const Environment mistyped("avx215");
    try {
        current_isa();
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), testing::HasSubstr("avx215"));
        EXPECT_THAT(error.hint(), testing::HasSubstr("avx512"));
    }
}

TEST(Isa, OneThatTheHostLacksIsUnsupportedWithTheReason) {
    for (const Isa isa : test::all_isas) {
        if (why_not(isa).empty()) continue;
        try {
            set_isa(isa);
            reset_isa();
            FAIL() << "no error for " << name(isa);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
            EXPECT_THAT(error.what(), testing::HasSubstr(std::string(why_not(isa))));
        }
        const Environment forced(std::string(name(isa)).c_str());
        EXPECT_THROW(current_isa(), base::Error);
    }
}

}  // namespace
}  // namespace plumb::kernels
