// SPDX-License-Identifier: Apache-2.0
// Wrong calls of the C functions: a status, and a message that names the thing and its value. Nothing is computed then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "plumb/attention.h"

namespace plumb {
namespace {

using testing::HasSubstr;

/// One head of three queries and four keys in fp32, and where its output goes.
struct Call {
    Call() {
        problem.queries = 3;
        problem.keys = 4;
        problem.head_dim = 2;
        problem.value_dim = 2;
        problem.q = numbers.data();
        problem.k = numbers.data();
        problem.v = numbers.data();
        problem.q_strides = out_strides;
        problem.k_strides = problem.v_strides = plumb_attention_strides_bhnd(1, 4, 2);
    }
    plumb_attention_status run() { return plumb_attention_forward(&problem, protection, out.data(), &out_strides, nullptr, nullptr); }

    std::vector<float> numbers = std::vector<float>(64, 0.5F);
    std::vector<float> out = std::vector<float>(6, 7.0F);
    plumb_attention_problem problem = plumb_attention_problem_default();
    plumb_attention_strides out_strides = plumb_attention_strides_bhnd(1, 3, 2);
    std::int32_t protection = PLUMB_ATTENTION_PROTECT_NONE;
};

struct Mistake {
    std::function<void(Call&)> make;
    std::vector<std::string> named;
};

const float* misaligned(const Call& call) {
    return reinterpret_cast<const float*>(reinterpret_cast<const char*>(call.numbers.data()) + 2);
}

const Mistake mistakes[] = {
    {[](Call& c) { c.problem.dtype = 7; }, {"problem.dtype", "7", "bf16"}},
    {[](Call& c) { c.problem.mask = -1; }, {"problem.mask", "-1", "causal"}},
    {[](Call& c) { c.problem.precision = 3; }, {"problem.precision", "3", "highest"}},
    {[](Call& c) { c.problem.threads = -2; }, {"problem.threads", "-2"}},
    {[](Call& c) { c.problem.threads = 1 << 30; }, {"problem.threads", "1073741824", "1024"}},
    {[](Call& c) { c.problem.reserved = 1; }, {"problem.reserved"}},
    {[](Call& c) { c.problem.head_dim = 0; }, {"head_dim is 0"}},
    {[](Call& c) { c.problem.queries = -3; }, {"queries is -3"}},
    {[](Call& c) { c.problem.keys = std::numeric_limits<std::int64_t>::max(); }, {"9223372036854775807"}},
    {[](Call& c) { c.problem.heads = 3, c.problem.key_heads = 2; }, {"3 heads", "2 key heads"}},
    {[](Call& c) { c.problem.scale = std::nanf(""); }, {"scale"}},
    {[](Call& c) { c.problem.window_left = 2; }, {"window", "none"}},
    {[](Call& c) { c.problem.mask = PLUMB_ATTENTION_MASK_BOOLEAN; }, {"boolean mask", "1x3x4"}},
    {[](Call& c) { c.problem.q = nullptr; }, {"q is a null pointer"}},
    {[](Call& c) { c.problem.v = nullptr; }, {"v is a null pointer"}},
    {[](Call& c) { c.problem.k = misaligned(c); }, {"problem.k", "4"}},
    {[](Call& c) { c.problem.bias = misaligned(c); }, {"problem.bias", "4"}},
    {[](Call& c) { c.protection = 3; }, {"protection", "3", "correct"}},
    {[](Call& c) { c.problem.struct_size = 0; }, {"problem.struct_size", "0", "plumb_attention_problem_default()"}},
};

TEST(CErrors, NameTheThingAndItsValueAndLeaveTheOutputAlone) {
    for (const Mistake& mistake : mistakes) {
        Call call;
        mistake.make(call);
        EXPECT_EQ(call.run(), PLUMB_ATTENTION_BAD_ARGUMENT) << mistake.named.front();
        for (const std::string& part : mistake.named) EXPECT_THAT(plumb_attention_last_error(), HasSubstr(part));
        EXPECT_EQ(call.out, std::vector<float>(6, 7.0F)) << mistake.named.front();
    }
    Call right;
    EXPECT_EQ(right.run(), PLUMB_ATTENTION_OK) << plumb_attention_last_error();
}

TEST(CErrors, NullPointersAreNamed) {
    Call call;
    EXPECT_EQ(plumb_attention_forward(nullptr, 0, call.out.data(), &call.out_strides, nullptr, nullptr), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("problem is a null pointer"));
    EXPECT_EQ(plumb_attention_forward(&call.problem, 0, nullptr, &call.out_strides, nullptr, nullptr), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("out is a null pointer"));
    EXPECT_EQ(plumb_attention_forward(&call.problem, 0, call.out.data(), nullptr, nullptr, nullptr), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("out_strides is a null pointer"));
    EXPECT_EQ(plumb_attention_backward(&call.problem, nullptr), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("gradients is a null pointer"));
    const plumb_attention_gradients nothing = plumb_attention_gradients_default();
    EXPECT_EQ(plumb_attention_backward(&call.problem, &nothing), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("null"));
    EXPECT_EQ(plumb_attention_supports(nullptr, 0, 0), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_EQ(plumb_attention_supports(&call.problem, 2, 0), PLUMB_ATTENTION_BAD_ARGUMENT);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("pass is 2"));
}

/// A program compiled with the header of a later version: its struct is longer.
struct LaterProblem {
    plumb_attention_problem known;
    std::int64_t added = 0;
};

TEST(CErrors, AFieldOfALaterVersionIsRefusedWhereItIsUsed) {
    Call call;
    LaterProblem later{.known = call.problem};
    later.known.struct_size = sizeof later;
    EXPECT_EQ(plumb_attention_forward(&later.known, 0, call.out.data(), &call.out_strides, nullptr, nullptr), PLUMB_ATTENTION_OK)
        << plumb_attention_last_error();
    later.added = 1;
    EXPECT_EQ(plumb_attention_forward(&later.known, 0, call.out.data(), &call.out_strides, nullptr, nullptr), PLUMB_ATTENTION_UNSUPPORTED);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr(std::to_string(sizeof(plumb_attention_problem))));
}

TEST(CErrors, AReportOfALaterVersionIsLeftAloneBehindWhatIsKnown) {
    struct {
        plumb_attention_report known = plumb_attention_report_default(nullptr, 0);
        std::int64_t added = 0;
        std::int64_t behind = 99;
    } later;
    later.known.struct_size = sizeof later.known + sizeof later.added;
    Call call;
    EXPECT_EQ(plumb_attention_forward(&call.problem, 0, call.out.data(), &call.out_strides, nullptr, &later.known), PLUMB_ATTENTION_OK)
        << plumb_attention_last_error();
    EXPECT_EQ(later.known.trusted, 0) << "nothing was checked";
    EXPECT_EQ(later.behind, 99);
}

TEST(CErrors, EachThreadHasItsOwnMessage) {
    Call call;
    call.problem.dtype = 7;
    call.run();
    const std::string mine = plumb_attention_last_error();
    std::string at_first;
    std::string theirs;
    std::thread other([&] {
        at_first = plumb_attention_last_error();
        Call another;
        another.problem.mask = 9;
        another.run();
        theirs = plumb_attention_last_error();
    });
    other.join();
    EXPECT_EQ(at_first, "");
    EXPECT_THAT(theirs, HasSubstr("mask"));
    EXPECT_EQ(plumb_attention_last_error(), mine);
}

TEST(CErrors, AnInstructionSetThatIsNoneIsAnAnswer) {
    ASSERT_EQ(setenv("PLUMB_ISA", "avx3000", 1), 0);
    const char* found = plumb_attention_instruction_set();
    const std::string message = plumb_attention_last_error();
    Call call;
    const plumb_attention_status status = call.run();
    unsetenv("PLUMB_ISA");
    EXPECT_EQ(found, nullptr);
    EXPECT_THAT(message, HasSubstr("avx3000"));
    EXPECT_EQ(status, PLUMB_ATTENTION_BAD_ARGUMENT);
    ASSERT_EQ(setenv("PLUMB_ISA", "scalar", 1), 0);
    EXPECT_STREQ(plumb_attention_instruction_set(), "scalar");
    unsetenv("PLUMB_ISA");
}

TEST(CSupports, AnswersWithoutArrays) {
    plumb_attention_problem asked = plumb_attention_problem_default();
    asked.queries = 8;
    asked.keys = 8;
    asked.head_dim = 4;
    asked.value_dim = 4;
    asked.mask = PLUMB_ATTENTION_MASK_BOOLEAN;
    EXPECT_EQ(plumb_attention_supports(&asked, PLUMB_ATTENTION_FORWARD, PLUMB_ATTENTION_PROTECT_NONE), PLUMB_ATTENTION_OK)
        << plumb_attention_last_error();
    asked.precision = PLUMB_ATTENTION_MEDIUM;
    EXPECT_EQ(plumb_attention_supports(&asked, PLUMB_ATTENTION_BACKWARD, PLUMB_ATTENTION_PROTECT_NONE), PLUMB_ATTENTION_UNSUPPORTED);
    EXPECT_THAT(plumb_attention_last_error(), HasSubstr("backward"));
    // The same answer as the call itself, on a host with AMX and on one without.
    Call call;
    call.problem.precision = PLUMB_ATTENTION_MEDIUM;
    const plumb_attention_status answer = plumb_attention_supports(&call.problem, PLUMB_ATTENTION_FORWARD, PLUMB_ATTENTION_PROTECT_NONE);
    EXPECT_EQ(call.run(), answer) << plumb_attention_last_error();
    asked.precision = PLUMB_ATTENTION_HIGHEST;
    EXPECT_EQ(plumb_attention_supports(&asked, PLUMB_ATTENTION_BACKWARD, PLUMB_ATTENTION_PROTECT_DETECT), PLUMB_ATTENTION_UNSUPPORTED);
}

TEST(CNames, AreThere) {
    EXPECT_STREQ(plumb_attention_status_name(PLUMB_ATTENTION_OK), "ok");
    EXPECT_STREQ(plumb_attention_status_name(PLUMB_ATTENTION_INTERNAL), "internal");
    EXPECT_STREQ(plumb_attention_status_name(static_cast<plumb_attention_status>(6)), "unknown status");
    EXPECT_THAT(plumb_attention_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace plumb
