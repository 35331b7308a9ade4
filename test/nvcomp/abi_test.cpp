// SPDX-License-Identifier: Apache-2.0
#include "nvcomp/abi.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace plumb::test {
namespace {

enum Status : int {};
struct Handle;
struct Large {
    char bytes[64];
};
struct Small {
    char bytes[32];
};
struct alignas(16) Wide {
    char bytes[64];
};

TEST(AlikeFunctions, SeeEveryDifferenceThatMatters) {
    EXPECT_TRUE((alike_functions<int (*)(void*, std::size_t*), Status(Handle*, unsigned long*)>)) << "an enumeration is its number";
    EXPECT_TRUE((alike_functions<int (*)(void* const*), Status(void* const*)>));
    EXPECT_FALSE((alike_functions<int (*)(std::size_t), int(unsigned)>)) << "width";
    EXPECT_FALSE((alike_functions<int (*)(std::size_t*), int(unsigned*)>)) << "width behind a pointer";
    EXPECT_FALSE((alike_functions<int (*)(void*), int(const void*)>)) << "who writes";
    EXPECT_FALSE((alike_functions<int (*)(void**), int(void*)>)) << "levels of pointers";
    EXPECT_FALSE((alike_functions<int (*)(void*), int(std::size_t*)>)) << "untyped is for what is opaque";
    EXPECT_FALSE((alike_functions<int (*)(int), int(int, int)>)) << "number of arguments";
    EXPECT_FALSE((alike_functions<int (*)(float), int(int)>)) << "registers";
    EXPECT_FALSE((alike_functions<int (*)(float*), int(double*)>));
    EXPECT_FALSE((alike_functions<int (*)(Large), int(Small)>)) << "size of options";
    EXPECT_FALSE((alike_functions<int (*)(Large), int(Wide)>)) << "place of options on the stack";
    EXPECT_FALSE((alike_functions<long (*)(), int()>)) << "result";
}

}  // namespace
}  // namespace plumb::test
