// SPDX-License-Identifier: Apache-2.0
#include "families/fake_device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "families/fake_gpu.h"

namespace plumb::test {

namespace {

using kernels::gpu::Address;
using kernels::gpu::Result;

// From NVIDIA's documentation of CUresult.
constexpr Result invalid_value = 1, out_of_memory = 2, invalid_context = 201, not_ready = 600, illegal_address = 700;
constexpr Address granule = 256;

constexpr double not_recorded = std::numeric_limits<double>::quiet_NaN();

double copy_seconds(std::size_t bytes) {
    return FakeGpu::seconds_per_byte * static_cast<double>(bytes);
}

Result upload(Address to, const void* from, std::size_t bytes, void*) {
    fake_device().enqueue(copy_seconds(bytes), [=] { std::memcpy(fake_device().resolve(to, bytes, 1), from, bytes); });
    return fake_device().ready();
}
Result download(void* to, Address from, std::size_t bytes, void*) {
    fake_device().enqueue(copy_seconds(bytes), [=] { std::memcpy(to, fake_device().resolve(from, bytes, 1), bytes); });
    return fake_device().ready();
}
Result fill(Address to, unsigned char value, std::size_t bytes, void*) {
    fake_device().enqueue(0, [=] { std::memset(fake_device().resolve(to, bytes, 1), value, bytes); });
    return fake_device().ready();
}

Result host_allocate(void** memory, std::size_t bytes) {
    auto* made = new std::uint8_t[bytes + sizeof(std::size_t)];
    std::memcpy(made, &bytes, sizeof bytes);
    *memory = made + sizeof bytes;
    fake_gpu().live_bytes += bytes;
    return fake_device().ready();
}
Result host_free(void* memory) {
    auto* const made = static_cast<std::uint8_t*>(memory) - sizeof(std::size_t);
    std::size_t bytes = 0;
    std::memcpy(&bytes, made, sizeof bytes);
    fake_gpu().live_bytes -= bytes;
    delete[] made;
    return fake_device().ready();
}

Result event_create(void** event, unsigned) {
    *event = new double(not_recorded);
    return fake_device().ready();
}
Result event_record(void* event, void*) {
    fake_device().enqueue(0, [=] { *static_cast<double*>(event) = fake_device().clock(); });
    return fake_device().ready();
}
Result event_milliseconds(float* milliseconds, void* start, void* end) {
    const double seconds = *static_cast<double*>(end) - *static_cast<double*>(start);
    *milliseconds = static_cast<float>(seconds * 1e3);
    return std::isnan(seconds) ? not_ready : 0;
}
Result event_destroy(void* event) {
    delete static_cast<double*>(event);
    return 0;
}

Result error_name(Result result, const char** name) {
    *name = result == out_of_memory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_THE_FAKE";
    return 0;
}
Result error_string(Result result, const char** text) {
    *text = result == out_of_memory ? "out of memory" : "some reason";
    return 0;
}

}  // namespace

FakeDevice& fake_device() {
    static FakeDevice device;
    return device;
}

void* FakeDevice::resolve(Address address, std::size_t bytes, std::size_t alignment) {
    const auto after = memory_.upper_bound(address);
    const auto found = after == memory_.begin() ? memory_.end() : std::prev(after);
    const bool inside = found != memory_.end() && address - found->first + bytes <= found->second.size();
    if (!inside || address % alignment != 0) {
        throw base::Error(base::ErrorKind::internal, "the device was given " + std::to_string(bytes) + " bytes at " +
                                                         std::to_string(address) + ", alignment " + std::to_string(alignment));
    }
    return found->second.data() + (address - found->first);
}

void FakeDevice::enqueue(double seconds, std::function<void()> work) {
    queue_.emplace_back(seconds, std::move(work));
}

Result FakeDevice::wait() {
    const auto queued = std::exchange(queue_, {});
    for (const auto& [seconds, work] : queued) {
        try {
            work();
        } catch (const base::Error& error) {
            ADD_FAILURE() << error.what();
            return illegal_address;
        }
        clock_ += seconds;
    }
    return fake_gpu().wait_result != 0 ? fake_gpu().wait_result : ready();
}

void FakeDevice::reset() {
    memory_.clear();
    queue_.clear();
    clock_ = 0;
    current_ = nullptr;
}

Result FakeDevice::ready() const {
    return current_ != nullptr ? 0 : invalid_context;
}

Result FakeDevice::make_current(void* context) {
    if (context != this->context()) return invalid_value;
    current_ = context;
    return 0;
}

Result FakeDevice::allocate(Address* address, std::size_t bytes) {
    if (bytes == 0) return invalid_value;
    if (fake_gpu().live_bytes + bytes > fake_gpu().most_bytes) return out_of_memory;
    *address = next_;
    next_ += (bytes + granule - 1) / granule * granule;
    memory_[*address].assign(bytes, 0xCD);
    fake_gpu().live_bytes += bytes;
    return ready();
}

Result FakeDevice::free(Address address) {
    const auto found = memory_.find(address);
    if (found == memory_.end()) return invalid_value;
    fake_gpu().live_bytes -= found->second.size();
    memory_.erase(found);
    return ready();
}

kernels::gpu::Cuda fake_cuda() {
    kernels::gpu::Cuda cuda;
    cuda.devices = {"Fake GPU"};
    cuda.get_error_name = error_name;
    cuda.get_error_string = error_string;
    cuda.device_get = [](int* device, int ordinal) {
        *device = ordinal;
        return 0;
    };
    cuda.primary_context_retain = [](void** context, int) {
        *context = fake_device().context();
        return 0;
    };
    cuda.context_set_current = [](void* context) { return fake_device().make_current(context); };
    cuda.memory_allocate = [](Address* address, std::size_t bytes) { return fake_device().allocate(address, bytes); };
    cuda.memory_free = [](Address address) { return fake_device().free(address); };
    cuda.host_allocate = host_allocate;
    cuda.host_free = host_free;
    cuda.upload = upload;
    cuda.download = download;
    cuda.fill = fill;
    cuda.stream_create = [](void** stream, unsigned) {
        *stream = &fake_device();
        return fake_device().ready();
    };
    cuda.stream_wait = [](void*) { return fake_device().wait(); };
    cuda.stream_destroy = [](void*) { return 0; };
    cuda.event_create = event_create;
    cuda.event_record = event_record;
    cuda.event_milliseconds = event_milliseconds;
    cuda.event_destroy = event_destroy;
    return cuda;
}

}  // namespace plumb::test
