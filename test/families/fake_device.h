// SPDX-License-Identifier: Apache-2.0
// The device of fake_gpu.h: memory, a stream, a clock.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/gpu/cuda.h"

namespace plumb::test {

class FakeDevice {
  public:
    /// The memory behind a device address; throws internal where `bytes` from there were not allocated or do not start at a multiple of
    /// `alignment`.
    void* resolve(kernels::gpu::Address address, std::size_t bytes, std::size_t alignment);
    void enqueue(double seconds, std::function<void()> work);
    /// Does all that was enqueued; a piece that touches what it may not fails the test.
    kernels::gpu::Result wait();
    void switch_away() { current_ = nullptr; }
    void reset();

    /// 0, or CUDA_ERROR_INVALID_CONTEXT.
    kernels::gpu::Result ready() const;
    kernels::gpu::Result make_current(void* context);
    kernels::gpu::Result allocate(kernels::gpu::Address* address, std::size_t bytes);
    kernels::gpu::Result free(kernels::gpu::Address address);
    double clock() const { return clock_; }
    void* context() { return &clock_; }

  private:
    std::map<kernels::gpu::Address, std::vector<std::uint8_t>> memory_;
    // No address of this CPU looks like that: following one crashes.
    kernels::gpu::Address next_ = kernels::gpu::Address{1} << 62;
    std::vector<std::pair<double, std::function<void()>>> queue_;
    double clock_ = 0;
    void* current_ = nullptr;
};

FakeDevice& fake_device();
kernels::gpu::Cuda fake_cuda();

}  // namespace plumb::test
