// SPDX-License-Identifier: Apache-2.0
// Chunks on a GPU by nvCOMP's batched codecs: all chunks of the input are one batch, in the device's memory before anything is timed.
// No GPU has run this code yet: it is compiled against nvCOMP 6 and the CUDA driver's interface, and tested on a device made of host memory
// (test/families/fake_gpu.h).
// Every call clears the statuses, waits for the device, reads status and size of every chunk and throws failed for the first that is not as
// it should be. The time of a call is therefore that of the batch, its launch and this reading; events in the stream before and after the
// batch leave the reading out.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "families/compression/engine.h"
#include "families/compression/gpu_batch.h"
#include "kernels/codec/nvcomp_batched.h"
#include "kernels/gpu/device.h"

namespace plumb::families::compression {

/// The two libraries that a GPU takes.
struct Gpu {
    const kernels::gpu::Cuda& cuda;
    const kernels::codec::NvcompBatched& nvcomp;
};
/// This machine's, present or not.
Gpu this_gpu();

/// As make_engine() for devices "cuda:0" ... and codecs "nvcomp:lz4" ...; `gpu` must outlive the engine.
std::unique_ptr<Engine> make_gpu_engine(EngineRequest request, const Gpu& gpu = this_gpu());

class GpuEngine final : public Engine {
  public:
    /// The request's options are complete and its chunks fit the codec: make_gpu_engine() looks. Throws missing without the device.
    GpuEngine(const kernels::codec::NvcompBatchedCodec& codec, std::size_t ordinal, EngineRequest request, const Gpu& gpu);

    void compress() override { run(Direction::compress); }
    void decompress() override { run(Direction::decompress); }
    kernels::codec::Bytes compressed(std::size_t chunk) override;
    kernels::codec::Bytes decompressed(std::size_t chunk) override;
    void spoil_output() override;
    bool stored(std::size_t chunk) override { return sizes_[chunk] >= request_.chunks[chunk].size; }
    std::vector<lab::MetricValue> metrics() override;
    std::string note() const override;

  private:
    GpuLayout ask_layout() const;
    void ask_scratch();
    void run(Direction direction);
    kernels::codec::NvcompStatus launch(Direction direction) const;
    void check_results(Direction direction);
    void expect_success(kernels::codec::NvcompStatus status, const std::string& call) const;
    std::string place_of(std::size_t chunk) const;
    void add_device_times(std::vector<lab::MetricValue>& metrics, Direction direction) const;
    void add_transfers(std::vector<lab::MetricValue>& metrics);

    const kernels::codec::NvcompBatchedCodec& codec_;
    const kernels::codec::NvcompFunctions& functions_;
    EngineRequest request_;
    kernels::codec::NvcompOptions compression_;
    kernels::gpu::Device device_;
    std::string device_name_;
    GpuBatch batch_;
    std::size_t compress_scratch_ = 0;  ///< bytes that nvCOMP asks for
    std::size_t decompress_scratch_ = 0;
    std::optional<kernels::gpu::DeviceMemory> scratch_;  ///< enough for both
    std::vector<std::size_t> sizes_;                     ///< of the compressed chunks
    std::array<std::vector<double>, 2> device_seconds_;
};

}  // namespace plumb::families::compression
