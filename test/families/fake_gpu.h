// SPDX-License-Identifier: Apache-2.0
// A CUDA device and an nvCOMP made of this CPU's memory and codecs, behind the same tables of functions as the real ones. It is stricter
// than they are: device addresses cannot be followed by this CPU; nothing enqueued happens before the stream is waited for; every pointer
// must lie in memory that was allocated and be aligned as asked; without the context that was made current every call fails. One device,
// one stream, one thread.
#pragma once
#include <optional>

#include "families/compression/gpu_engine.h"

namespace plumb::test {

struct FakeGpu {
    // What it does. The scratch of compressing is the larger one for many chunks, that of decompressing for few.
    static constexpr double compress_seconds = 4e-3, decompress_seconds = 1e-3, seconds_per_byte = 1e-9;
    static constexpr kernels::codec::NvcompAlignments compressing = {.input = 16, .output = 32, .temp = 64};
    static constexpr kernels::codec::NvcompAlignments decompressing = {.input = 8, .output = 4, .temp = 128};
    static std::size_t compress_scratch(std::size_t chunks) { return 1000 + 17 * chunks; }
    static std::size_t decompress_scratch(std::size_t chunks) { return 2000 + 3 * chunks; }

    // What it is told to do wrong.
    struct Fault {
        families::compression::Direction direction;
        std::size_t chunk;
        std::optional<kernels::codec::NvcompStatus> status;  ///< nullopt: nothing is written
        std::optional<std::size_t> size;                     ///< instead of the right one
    };
    std::optional<Fault> fault;
    kernels::codec::NvcompStatus launch_status = 0;
    /// Both directions agree with each other, and with no other decoder.
    bool dialect = false;
    std::size_t most_bytes = std::size_t{1} << 30;
    kernels::gpu::Result wait_result = 0;

    // What it saw.
    std::size_t live_bytes = 0;  ///< on the device and page-locked
    std::vector<kernels::codec::NvcompOptions> compress_options, decompress_options;

    /// As if another device had been at work on this thread since.
    void switch_away();
};

/// The one and only.
FakeGpu& fake_gpu();
/// Forgets all of the above; throws internal when memory is still allocated.
void reset_fake_gpu();

families::compression::Gpu fake_gpu_tables();

}  // namespace plumb::test
