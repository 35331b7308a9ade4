// SPDX-License-Identifier: Apache-2.0
#include "families/compression/gpu_batch.h"

#include <algorithm>
#include <cstring>

#include "families/compression/memory.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;
using kernels::gpu::Address;

/// Pieces one after the other, each at a multiple of `alignment`; the last entry is where the next one would start.
std::vector<std::size_t> places(const std::vector<Span>& chunks, std::size_t alignment, const auto& size_of) {
    std::vector<std::size_t> starts(chunks.size() + 1);
    for (std::size_t piece = 0; piece < chunks.size(); ++piece)
        starts[piece + 1] = starts[piece] + (size_of(chunks[piece]) + alignment - 1) / alignment * alignment;
    return starts;
}

std::vector<Address> addresses(const kernels::gpu::DeviceMemory& memory, const std::vector<std::size_t>& starts) {
    std::vector<Address> made;
    for (std::size_t piece = 0; piece + 1 < starts.size(); ++piece) made.push_back(memory.address() + starts[piece]);
    return made;
}

}  // namespace

GpuBatch::GpuBatch(const kernels::gpu::Device& device, const Content& content, std::vector<Span> chunks, const GpuLayout& layout)
    : device_(device),
      content_(content),
      chunks_(std::move(chunks)),
      largest_chunk_(std::ranges::max(chunks_, {}, &Span::size).size),
      slot_bytes_(layout.slot_bytes),
      raw_(places(chunks_, layout.raw_alignment, [](const Span& chunk) { return chunk.size; })),
      slots_(places(chunks_, layout.slot_alignment, [&](const Span&) { return layout.slot_bytes; })),
      input_(device, raw_.back(), "input"),
      compressed_(device, slots_.back(), "compressed chunks"),
      output_(device, raw_.back(), "output"),
      input_table_(device, count() * sizeof(Address), "tables"),
      compressed_table_(device, count() * sizeof(Address), "tables"),
      output_table_(device, count() * sizeof(Address), "tables"),
      raw_sizes_(device, count() * sizeof(std::size_t), "tables"),
      compressed_sizes_(device, count() * sizeof(std::size_t), "tables"),
      output_sizes_(device, count() * sizeof(std::size_t), "tables"),
      statuses_(device, count() * sizeof(kc::NvcompStatus), "tables"),
      host_(device, std::max(raw_.back(), slots_.back()), "copies"),
      results_(device, count() * (sizeof(std::size_t) + sizeof(kc::NvcompStatus)), "results") {
    upload_tables();
}

void GpuBatch::upload_tables() const {
    const auto upload = [&](const kernels::gpu::DeviceMemory& to, const auto& entries) {
        device_.upload(to.address(), entries.data(), to.size());
        device_.wait();
    };
    upload(input_table_, addresses(input_, raw_));
    upload(compressed_table_, addresses(compressed_, slots_));
    upload(output_table_, addresses(output_, raw_));
    std::vector<std::size_t> sizes;
    for (const Span& chunk : chunks_) sizes.push_back(chunk.size);
    upload(raw_sizes_, sizes);
}

void GpuBatch::stage_input() {
    changed();
    for (std::size_t chunk = 0; chunk < count(); ++chunk) std::ranges::copy(content_.at(chunks_[chunk]), host_.data() + raw_[chunk]);
}

void GpuBatch::upload_input() const {
    device_.upload(input_.address(), host_.data(), input_.size());
}

void GpuBatch::download_input() const {
    device_.download(host_.data(), input_.address(), input_.size());
}

void GpuBatch::spoil_output() {
    changed();
    device_.fill(output_.address(), AlignedBytes::spoilt, output_.size());
    device_.wait();
}

void GpuBatch::spoil_statuses() const {
    device_.fill(statuses_.address(), AlignedBytes::spoilt, statuses_.size());
}

GpuBatch::Results GpuBatch::read_results(Direction direction) const {
    const kernels::gpu::DeviceMemory& sizes = direction == Direction::compress ? compressed_sizes_ : output_sizes_;
    std::uint8_t* const statuses_here = results_.data() + sizes.size();
    device_.download(results_.data(), sizes.address(), sizes.size());
    device_.download(statuses_here, statuses_.address(), statuses_.size());
    device_.wait();
    Results results{std::vector<std::size_t>(count()), std::vector<kc::NvcompStatus>(count())};
    std::memcpy(results.sizes.data(), results_.data(), sizes.size());
    std::memcpy(results.statuses.data(), statuses_here, statuses_.size());
    return results;
}

/// One copy for all chunks: small ones would cost a trip each.
void GpuBatch::mirror(Mirrored what) {
    if (mirrored_ == what) return;
    const kernels::gpu::DeviceMemory& memory = what == Mirrored::slots ? compressed_ : output_;
    device_.download(host_.data(), memory.address(), memory.size());
    device_.wait();
    mirrored_ = what;
}

kc::Bytes GpuBatch::slot(std::size_t chunk, std::size_t bytes) {
    mirror(Mirrored::slots);
    return {host_.data() + slots_[chunk], bytes};
}

kc::Bytes GpuBatch::output(std::size_t chunk) {
    mirror(Mirrored::output);
    return {host_.data() + raw_[chunk], chunks_[chunk].size};
}

}  // namespace plumb::families::compression
