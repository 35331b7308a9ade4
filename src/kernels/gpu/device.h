// SPDX-License-Identifier: Apache-2.0
// One CUDA device at work: a stream, memory on both sides, times by events. All calls that enqueue return at once; wait() is the only one
// after which their effect can be relied on. Every call that CUDA refuses throws failed, with its name, its amount and CUDA's reason.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "kernels/gpu/cuda.h"

namespace plumb::kernels::gpu {

class Device {
  public:
    /// Throws missing where there is no driver or no such device. `cuda` must outlive it.
    Device(const Cuda& cuda, std::size_t ordinal);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// Makes the device that of the calling thread: first thing in every piece of work, another device may have been at work since.
    void use() const;
    Stream stream() const { return stream_.get(); }

    void upload(Address to, const void* from, std::size_t bytes) const;
    void download(void* to, Address from, std::size_t bytes) const;
    void fill(Address to, unsigned char value, std::size_t bytes) const;
    void wait() const;
    /// Seconds on the device's clock from before to after what `enqueue` put into the stream; waits.
    double seconds(const std::function<void()>& enqueue) const;

  private:
    friend class DeviceMemory;
    friend class HostMemory;
    using Handle = std::unique_ptr<void, Result (*)(void*)>;
    void expect_success(Result result, const std::string& call) const;

    const Cuda& cuda_;
    CudaContext context_ = nullptr;
    Handle stream_;
    Handle start_;
    Handle end_;
};

/// Memory on the device, aligned to 256 bytes. `use` says in errors what it is for. The device must outlive it.
class DeviceMemory {
  public:
    DeviceMemory(const Device& device, std::size_t bytes, const std::string& use);
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    Address address() const { return address_; }
    std::size_t size() const { return bytes_; }
    /// As functions take it that run on the device. Not to be followed here.
    template <class T>
    T* as() const {
        return reinterpret_cast<T*>(address_);
    }

  private:
    const Device& device_;
    Address address_ = 0;
    std::size_t bytes_ = 0;
};

/// Page-locked memory of this CPU, which the device copies from and to at the full speed of the link.
class HostMemory {
  public:
    HostMemory(const Device& device, std::size_t bytes, const std::string& use);
    ~HostMemory();
    HostMemory(const HostMemory&) = delete;
    HostMemory& operator=(const HostMemory&) = delete;

    std::uint8_t* data() const { return static_cast<std::uint8_t*>(memory_); }
    std::size_t size() const { return bytes_; }

  private:
    const Device& device_;
    void* memory_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace plumb::kernels::gpu
