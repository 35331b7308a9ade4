// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA driver's interface that plumb uses, opened at run time as libcuda.so.1: nothing of CUDA is linked or needed to
// build, and a machine without a driver gets a reason. The driver alone is asked, not the CUDA runtime: every version of it has these
// functions. To use another function: a member here, its line in cuda.cpp, its line in test/nvcomp/cuda_header_test.cpp, which holds all of
// them against NVIDIA's own header.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace plumb::kernels::gpu {

/// CUresult; 0 is success.
using Result = int;
/// CUdeviceptr: an address on the device, not to be followed by this CPU.
using Address = std::uint64_t;
/// CUstream, CUevent and CUcontext are pointers to what only the driver knows.
using Stream = void*;
using Event = void*;
using CudaContext = void*;

/// The address of a function by its name, null where there is none.
using FindSymbol = std::function<void*(const char* symbol)>;

/// Parameters as in NVIDIA's documentation of the driver API, in its order.
struct Cuda {
    std::string missing;               ///< why no device can be used; empty: there is at least one
    std::vector<std::string> devices;  ///< their names in the order of the ordinals

    Result (*get_error_name)(Result result, const char** name) = nullptr;
    Result (*get_error_string)(Result result, const char** text) = nullptr;
    Result (*init)(unsigned flags) = nullptr;
    Result (*device_count)(int* count) = nullptr;
    Result (*device_get)(int* device, int ordinal) = nullptr;
    Result (*device_name)(char* name, int room, int device) = nullptr;
    Result (*primary_context_retain)(CudaContext* context, int device) = nullptr;
    Result (*context_set_current)(CudaContext context) = nullptr;
    Result (*memory_allocate)(Address* address, std::size_t bytes) = nullptr;
    Result (*memory_free)(Address address) = nullptr;
    Result (*host_allocate)(void** memory, std::size_t bytes) = nullptr;
    Result (*host_free)(void* memory) = nullptr;
    Result (*upload)(Address to, const void* from, std::size_t bytes, Stream stream) = nullptr;
    Result (*download)(void* to, Address from, std::size_t bytes, Stream stream) = nullptr;
    Result (*fill)(Address to, unsigned char value, std::size_t bytes, Stream stream) = nullptr;
    Result (*stream_create)(Stream* stream, unsigned flags) = nullptr;
    Result (*stream_wait)(Stream stream) = nullptr;
    Result (*stream_destroy)(Stream stream) = nullptr;
    Result (*event_create)(Event* event, unsigned flags) = nullptr;
    Result (*event_record)(Event event, Stream stream) = nullptr;
    Result (*event_milliseconds)(float* milliseconds, Event start, Event end) = nullptr;
    Result (*event_destroy)(Event event) = nullptr;
};

/// This machine's driver, opened and started at the first call and never closed. Safe to call from any thread.
const Cuda& cuda();

/// Fills the table by `find` without calling anything; `missing` names the first function that is not there.
Cuda find_cuda_functions(const FindSymbol& find);
/// The same, and starts the driver and asks it for its devices.
Cuda open_cuda(const FindSymbol& find);
/// The same with a library by name: for tests; cuda() takes "libcuda.so.1".
Cuda open_cuda_library(const std::string& file);

/// "CUDA_ERROR_OUT_OF_MEMORY (2), out of memory".
std::string describe(const Cuda& cuda, Result result);

}  // namespace plumb::kernels::gpu
