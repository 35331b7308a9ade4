// SPDX-License-Identifier: Apache-2.0
// Opening CUDA's driver, with one of a few functions that answers what a test wants. At work: test/families/fake_gpu.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "base/error.h"
#include "kernels/gpu/device.h"

namespace plumb::kernels::gpu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

int device_count = 0;
Result start_result = 0;

Result init(unsigned) {
    return start_result;
}
Result count(int* devices) {
    *devices = device_count;
    return 0;
}
Result get(int* device, int ordinal) {
    *device = ordinal + 40;
    return 0;
}
Result device_name(char* text, int, int device) {
    std::strcpy(text, device == 40 ? "First" : "Second");
    return 0;
}
Result error_name(Result result, const char** text) {
    *text = result == 100 ? "CUDA_ERROR_NO_DEVICE" : nullptr;
    return 0;
}
Result error_string(Result, const char** text) {
    *text = "no CUDA-capable device is detected";
    return 0;
}

void* driver_function(const char* symbol) {
    static const std::map<std::string, void*> functions = {
        {"cuInit", reinterpret_cast<void*>(init)},
        {"cuDeviceGetCount", reinterpret_cast<void*>(count)},
        {"cuDeviceGet", reinterpret_cast<void*>(get)},
        {"cuDeviceGetName", reinterpret_cast<void*>(device_name)},
        {"cuGetErrorName", reinterpret_cast<void*>(error_name)},
        {"cuGetErrorString", reinterpret_cast<void*>(error_string)},
    };
    const auto found = functions.find(symbol);
    // The others are not called when a driver is opened.
    return found != functions.end() ? found->second : reinterpret_cast<void*>(init);
}

class OpeningCuda : public ::testing::Test {
  protected:
    OpeningCuda() {
        device_count = 2;
        start_result = 0;
    }
};

TEST_F(OpeningCuda, ListsDevicesInTheOrderOfTheirOrdinals) {
    const Cuda cuda = open_cuda(driver_function);
    EXPECT_THAT(cuda.missing, IsEmpty());
    EXPECT_THAT(cuda.devices, ElementsAre("First", "Second"));
}

TEST_F(OpeningCuda, TellsWhyADriverDoesNotStart) {
    start_result = 100;
    EXPECT_EQ(open_cuda(driver_function).missing,
              "the CUDA driver does not start: CUDA_ERROR_NO_DEVICE (100), no CUDA-capable device is detected");
    start_result = 0;
    device_count = 0;
    EXPECT_EQ(open_cuda(driver_function).missing, "the CUDA driver sees no device");
}

TEST_F(OpeningCuda, NamesTheFunctionThatADriverDoesNotHave) {
    for (const std::string lacking : {"cuInit", "cuMemAlloc_v2", "cuEventElapsedTime"}) {
        const Cuda cuda = open_cuda([&](const char* symbol) { return symbol == lacking ? nullptr : driver_function(symbol); });
        EXPECT_EQ(cuda.missing, "this CUDA driver has no function " + lacking);
        EXPECT_THAT(cuda.devices, IsEmpty());
    }
}

TEST_F(OpeningCuda, NamesTheLibraryThatIsNotThere) {
    const Cuda cuda = open_cuda_library("libcuda.so.no-such-version");
    EXPECT_THAT(cuda.missing, StartsWith("no CUDA driver: libcuda.so.no-such-version"));
    try {
        const Device device(cuda, 0);
        FAIL() << "a device without a driver";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::missing);
        EXPECT_THAT(error.what(), HasSubstr("device cuda:0: no CUDA driver"));
        EXPECT_THAT(error.hint(), HasSubstr("plumb list devices"));
    }
}

TEST(ThisMachinesCuda, HasADeviceOrAReason) {
    EXPECT_EQ(cuda().devices.empty(), !cuda().missing.empty()) << cuda().missing;
}

}  // namespace
}  // namespace plumb::kernels::gpu
