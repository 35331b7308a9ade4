// SPDX-License-Identifier: Apache-2.0
// The table of the CUDA driver's functions against NVIDIA's header: the type of each, and the name that it is exported by.
#include <cuda.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "kernels/gpu/cuda.h"
#include "nvcomp/abi.h"

// The header renames functions to their current versions; the name after that is the one to look for.
#define PLUMB_NAME_OF(function) #function
#define PLUMB_EXPORTED_NAME(function) PLUMB_NAME_OF(function)

namespace plumb::kernels::gpu {
namespace {

/// Finds another address for every name, and keeps them.
struct Exports {
    std::map<std::string, void*> addresses;
    Cuda table = find_cuda_functions(
        [this](const char* symbol) { return addresses.emplace(symbol, reinterpret_cast<void*>(addresses.size() + 1)).first->second; });
};

template <class Function>
void expect_found_as(Exports& exports, Function* member, const std::string& name) {
    EXPECT_EQ(reinterpret_cast<void*>(member), exports.addresses[name]) << name;
}

#define PLUMB_EXPECT_LIKE(member, function)                                                                  \
    static_assert(test::alike_functions<decltype(Cuda::member), decltype(function)>, "differs: " #function); \
    expect_found_as(exports, exports.table.member, PLUMB_EXPORTED_NAME(function))

TEST(CudaHeader, DeclaresEveryFunctionAsPlumbCallsIt) {
    Exports exports;
    const std::size_t asked_for = exports.addresses.size();
    PLUMB_EXPECT_LIKE(get_error_name, cuGetErrorName);
    PLUMB_EXPECT_LIKE(get_error_string, cuGetErrorString);
    PLUMB_EXPECT_LIKE(init, cuInit);
    PLUMB_EXPECT_LIKE(device_count, cuDeviceGetCount);
    PLUMB_EXPECT_LIKE(device_get, cuDeviceGet);
    PLUMB_EXPECT_LIKE(device_name, cuDeviceGetName);
    PLUMB_EXPECT_LIKE(primary_context_retain, cuDevicePrimaryCtxRetain);
    PLUMB_EXPECT_LIKE(context_set_current, cuCtxSetCurrent);
    PLUMB_EXPECT_LIKE(memory_allocate, cuMemAlloc);
    PLUMB_EXPECT_LIKE(memory_free, cuMemFree);
    PLUMB_EXPECT_LIKE(host_allocate, cuMemAllocHost);
    PLUMB_EXPECT_LIKE(host_free, cuMemFreeHost);
    PLUMB_EXPECT_LIKE(upload, cuMemcpyHtoDAsync);
    PLUMB_EXPECT_LIKE(download, cuMemcpyDtoHAsync);
    PLUMB_EXPECT_LIKE(fill, cuMemsetD8Async);
    PLUMB_EXPECT_LIKE(stream_create, cuStreamCreate);
    PLUMB_EXPECT_LIKE(stream_wait, cuStreamSynchronize);
    PLUMB_EXPECT_LIKE(stream_destroy, cuStreamDestroy);
    PLUMB_EXPECT_LIKE(event_create, cuEventCreate);
    PLUMB_EXPECT_LIKE(event_record, cuEventRecord);
    PLUMB_EXPECT_LIKE(event_destroy, cuEventDestroy);
    // By its first name, which every driver exports; the header declares its second.
    static_assert(test::alike_functions<decltype(Cuda::event_milliseconds), decltype(cuEventElapsedTime)>);
    expect_found_as(exports, exports.table.event_milliseconds, "cuEventElapsedTime");
    EXPECT_EQ(exports.addresses.size(), asked_for) << "a function is compared that the table does not have";
    EXPECT_EQ(asked_for, 22u) << "a function of the table is not compared here";
}

TEST(CudaHeader, HasTheNumbersThatPlumbWrites) {
    EXPECT_EQ(CU_STREAM_NON_BLOCKING, 1);
    EXPECT_EQ(CU_EVENT_DEFAULT, 0);
    EXPECT_EQ(CUDA_SUCCESS, 0);
    EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, 2);
    static_assert(sizeof(CUdeviceptr) == sizeof(Address) && sizeof(void*) == sizeof(Address));
}

}  // namespace
}  // namespace plumb::kernels::gpu
