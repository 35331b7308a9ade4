// SPDX-License-Identifier: Apache-2.0
#include "kernels/gpu/device.h"

#include <algorithm>

#include "base/error.h"

namespace plumb::kernels::gpu {
namespace {

// CU_STREAM_NON_BLOCKING: does not wait for the stream that others use without asking.
constexpr unsigned own_stream = 1;
constexpr unsigned with_times = 0;
constexpr Result out_of_memory = 2;

base::Error missing(const std::string& message) {
    return {base::ErrorKind::missing, message, "plumb list devices; device=cpu needs none"};
}

const Cuda& require_device(const Cuda& cuda, std::size_t ordinal) {
    const std::string name = "cuda:" + std::to_string(ordinal);
    if (!cuda.missing.empty()) throw missing("device " + name + ": " + cuda.missing);
    if (ordinal >= cuda.devices.size())
        throw missing("device " + name + " is none of the " + std::to_string(cuda.devices.size()) + " here");
    return cuda;
}

std::string amount(std::size_t bytes, const std::string& use) {
    return std::to_string(bytes) + " bytes of " + use;
}

}  // namespace

Device::Device(const Cuda& cuda, std::size_t ordinal)
    : cuda_(require_device(cuda, ordinal)),
      stream_(nullptr, cuda.stream_destroy),
      start_(nullptr, cuda.event_destroy),
      end_(nullptr, cuda.event_destroy) {
    int device = 0;
    expect_success(cuda_.device_get(&device, static_cast<int>(ordinal)), "cuDeviceGet");
    // Never released: the CUDA runtime inside nvCOMP works in the same context and does not expect it to go.
    expect_success(cuda_.primary_context_retain(&context_, device), "cuDevicePrimaryCtxRetain");
    use();
    const auto create = [this](Handle& handle, auto* function, unsigned flags, const char* call) {
        void* made = nullptr;
        expect_success(function(&made, flags), call);
        handle.reset(made);
    };
    create(stream_, cuda_.stream_create, own_stream, "cuStreamCreate");
    create(start_, cuda_.event_create, with_times, "cuEventCreate");
    create(end_, cuda_.event_create, with_times, "cuEventCreate");
}

// Results are not looked at: after a failure everything fails, and the first reason has been thrown.
Device::~Device() {
    cuda_.context_set_current(context_);
    cuda_.stream_wait(stream());
}

void Device::use() const {
    expect_success(cuda_.context_set_current(context_), "cuCtxSetCurrent");
}

void Device::upload(Address to, const void* from, std::size_t bytes) const {
    expect_success(cuda_.upload(to, from, bytes, stream()), "cuMemcpyHtoDAsync");
}

void Device::download(void* to, Address from, std::size_t bytes) const {
    expect_success(cuda_.download(to, from, bytes, stream()), "cuMemcpyDtoHAsync");
}

void Device::fill(Address to, unsigned char value, std::size_t bytes) const {
    expect_success(cuda_.fill(to, value, bytes, stream()), "cuMemsetD8Async");
}

void Device::wait() const {
    expect_success(cuda_.stream_wait(stream()), "cuStreamSynchronize");
}

double Device::seconds(const std::function<void()>& enqueue) const {
    expect_success(cuda_.event_record(start_.get(), stream()), "cuEventRecord");
    enqueue();
    expect_success(cuda_.event_record(end_.get(), stream()), "cuEventRecord");
    wait();
    float milliseconds = 0;
    expect_success(cuda_.event_milliseconds(&milliseconds, start_.get(), end_.get()), "cuEventElapsedTime");
    return double{milliseconds} * 1e-3;
}

void Device::expect_success(Result result, const std::string& call) const {
    if (result == 0) return;
    throw base::Error(base::ErrorKind::failed, call + ": " + describe(cuda_, result),
                      result == out_of_memory ? "choose smaller chunks, a smaller file or repeat_to"
                                              : "what runs later in this process may fail too; --isolate gives each group a process");
}

DeviceMemory::DeviceMemory(const Device& device, std::size_t bytes, const std::string& use) : device_(device), bytes_(bytes) {
    // CUDA allocates no memory of no bytes.
    device_.expect_success(device_.cuda_.memory_allocate(&address_, std::max<std::size_t>(bytes, 1)), "cuMemAlloc, " + amount(bytes, use));
}

DeviceMemory::~DeviceMemory() {
    device_.cuda_.context_set_current(device_.context_);
    device_.cuda_.memory_free(address_);
}

HostMemory::HostMemory(const Device& device, std::size_t bytes, const std::string& use) : device_(device), bytes_(bytes) {
    device_.expect_success(device_.cuda_.host_allocate(&memory_, std::max<std::size_t>(bytes, 1)), "cuMemAllocHost, " + amount(bytes, use));
}

HostMemory::~HostMemory() {
    device_.cuda_.context_set_current(device_.context_);
    device_.cuda_.host_free(memory_);
}

}  // namespace plumb::kernels::gpu
