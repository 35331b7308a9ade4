// SPDX-License-Identifier: Apache-2.0
#include "kernels/gpu/cuda.h"

#include <dlfcn.h>

#include <array>

namespace plumb::kernels::gpu {
namespace {

template <class Function>
void take(Cuda& cuda, const FindSymbol& find, Function*& member, const char* symbol) {
    member = reinterpret_cast<Function*>(find(symbol));
    if (member == nullptr && cuda.missing.empty()) cuda.missing = std::string("this CUDA driver has no function ") + symbol;
}

std::string device_name(const Cuda& cuda, int ordinal) {
    int device = 0;
    std::array<char, 256> name{};
    const bool known = cuda.device_get(&device, ordinal) == 0 && cuda.device_name(name.data(), int{name.size() - 1}, device) == 0;
    return known ? name.data() : "unnamed device";
}

/// Empty, or why there is none.
std::string start(Cuda& cuda) {
    if (const Result result = cuda.init(0); result != 0) return "the CUDA driver does not start: " + describe(cuda, result);
    int count = 0;
    if (const Result result = cuda.device_count(&count); result != 0)
        return "the CUDA driver does not name its devices: " + describe(cuda, result);
    for (int ordinal = 0; ordinal < count; ++ordinal) cuda.devices.push_back(device_name(cuda, ordinal));
    return count > 0 ? "" : "the CUDA driver sees no device";
}

}  // namespace

Cuda find_cuda_functions(const FindSymbol& find) {
    Cuda cuda;
    take(cuda, find, cuda.get_error_name, "cuGetErrorName");
    take(cuda, find, cuda.get_error_string, "cuGetErrorString");
    take(cuda, find, cuda.init, "cuInit");
    take(cuda, find, cuda.device_count, "cuDeviceGetCount");
    take(cuda, find, cuda.device_get, "cuDeviceGet");
    take(cuda, find, cuda.device_name, "cuDeviceGetName");
    take(cuda, find, cuda.primary_context_retain, "cuDevicePrimaryCtxRetain");
    take(cuda, find, cuda.context_set_current, "cuCtxSetCurrent");
    take(cuda, find, cuda.memory_allocate, "cuMemAlloc_v2");
    take(cuda, find, cuda.memory_free, "cuMemFree_v2");
    take(cuda, find, cuda.host_allocate, "cuMemAllocHost_v2");
    take(cuda, find, cuda.host_free, "cuMemFreeHost");
    take(cuda, find, cuda.upload, "cuMemcpyHtoDAsync_v2");
    take(cuda, find, cuda.download, "cuMemcpyDtoHAsync_v2");
    take(cuda, find, cuda.fill, "cuMemsetD8Async");
    take(cuda, find, cuda.stream_create, "cuStreamCreate");
    take(cuda, find, cuda.stream_wait, "cuStreamSynchronize");
    take(cuda, find, cuda.stream_destroy, "cuStreamDestroy_v2");
    take(cuda, find, cuda.event_create, "cuEventCreate");
    take(cuda, find, cuda.event_record, "cuEventRecord");
    // Newer drivers have a second version of this one, which older ones lack; for finished events both do the same.
    take(cuda, find, cuda.event_milliseconds, "cuEventElapsedTime");
    take(cuda, find, cuda.event_destroy, "cuEventDestroy_v2");
    return cuda;
}

Cuda open_cuda(const FindSymbol& find) {
    Cuda cuda = find_cuda_functions(find);
    if (cuda.missing.empty()) cuda.missing = start(cuda);
    return cuda;
}

Cuda open_cuda_library(const std::string& file) {
    void* handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle != nullptr) return open_cuda([handle](const char* symbol) { return dlsym(handle, symbol); });
    const char* reason = dlerror();
    Cuda none;
    none.missing = "no CUDA driver: " + (reason != nullptr ? std::string(reason) : file + " cannot be opened");
    return none;
}

const Cuda& cuda() {
    static const Cuda opened = open_cuda_library("libcuda.so.1");
    return opened;
}

std::string describe(const Cuda& cuda, Result result) {
    const char* name = nullptr;
    const char* text = nullptr;
    if (cuda.get_error_name(result, &name) != 0 || name == nullptr) name = "CUDA error";
    if (cuda.get_error_string(result, &text) != 0 || text == nullptr) text = "which the driver does not explain";
    return std::string(name) + " (" + std::to_string(result) + "), " + text;
}

}  // namespace plumb::kernels::gpu
