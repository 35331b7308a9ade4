// SPDX-License-Identifier: Apache-2.0
// All chunks of an input in a device's memory: raw, compressed, decompressed, and the tables by which the device finds them and says what
// became of them.
#pragma once
#include <vector>

#include "families/compression/engine.h"
#include "kernels/codec/nvcomp_batched.h"
#include "kernels/gpu/device.h"

namespace plumb::families::compression {

/// How chunks must lie.
struct GpuLayout {
    std::size_t raw_alignment = 1;   ///< of input and output, which lie alike
    std::size_t slot_alignment = 1;  ///< of compressed chunks
    std::size_t slot_bytes = 0;      ///< most bytes that a chunk can become
};

class GpuBatch {
  public:
    /// Allocates all memory and fills the tables. `device` and `content` must outlive it.
    GpuBatch(const kernels::gpu::Device& device, const Content& content, std::vector<Span> chunks, const GpuLayout& layout);

    std::size_t count() const { return chunks_.size(); }
    const std::vector<Span>& chunks() const { return chunks_; }
    std::size_t largest_chunk() const { return largest_chunk_; }
    std::size_t slot_bytes() const { return slot_bytes_; }

    /// The input as it lies on the device goes to page-locked memory first; other copies there are lost.
    void stage_input();
    /// What stage_input() left, put into the stream; a timed copy is this one.
    void upload_input() const;
    /// The same bytes back.
    void download_input() const;
    /// So that what is not written is seen. Waits.
    void spoil_output();
    /// A status that nobody writes must not read as that of the call before.
    void spoil_statuses() const;
    /// What the last call wrote: the size of every compressed or decompressed chunk, and every status. Waits.
    struct Results {
        std::vector<std::size_t> sizes;
        std::vector<kernels::codec::NvcompStatus> statuses;
    };
    Results read_results(Direction direction) const;
    /// Copies on this CPU are out of date.
    void changed() { mirrored_ = Mirrored::nothing; }
    /// A chunk's slot, its first `bytes`; the view lasts until something else is copied.
    kernels::codec::Bytes slot(std::size_t chunk, std::size_t bytes);
    kernels::codec::Bytes output(std::size_t chunk);

    // For the device: one entry a chunk.
    const void* const* input_table() const { return input_table_.as<const void*>(); }
    void* const* compressed_table() const { return compressed_table_.as<void*>(); }
    void* const* output_table() const { return output_table_.as<void*>(); }
    const std::size_t* raw_sizes() const { return raw_sizes_.as<const std::size_t>(); }
    std::size_t* compressed_sizes() const { return compressed_sizes_.as<std::size_t>(); }
    std::size_t* output_sizes() const { return output_sizes_.as<std::size_t>(); }
    kernels::codec::NvcompStatus* statuses() const { return statuses_.as<kernels::codec::NvcompStatus>(); }

  private:
    /// What the page-locked memory holds a copy of.
    enum class Mirrored { nothing, slots, output };
    void mirror(Mirrored what);
    void upload_tables() const;

    const kernels::gpu::Device& device_;
    const Content& content_;
    std::vector<Span> chunks_;
    std::size_t largest_chunk_;
    std::size_t slot_bytes_;
    std::vector<std::size_t> raw_;    ///< start of each chunk in input and output, and the end
    std::vector<std::size_t> slots_;  ///< start of each slot, and the end
    kernels::gpu::DeviceMemory input_, compressed_, output_;
    kernels::gpu::DeviceMemory input_table_, compressed_table_, output_table_, raw_sizes_;
    kernels::gpu::DeviceMemory compressed_sizes_, output_sizes_, statuses_;
    kernels::gpu::HostMemory host_;     ///< input on its way up, chunks on their way down
    kernels::gpu::HostMemory results_;  ///< sizes, then statuses
    Mirrored mirrored_ = Mirrored::nothing;
};

}  // namespace plumb::families::compression
