// SPDX-License-Identifier: Apache-2.0
#include "families/fake_gpu.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/error.h"
#include "families/fake_device.h"

namespace plumb::test {

namespace {

namespace kc = kernels::codec;
using families::compression::Direction;
using kernels::gpu::Address;

/// The codec of this CPU that stands in: of the same format where there is one.
const kc::Codec& stand_in(const kc::NvcompBatchedCodec& codec, std::size_t largest_chunk) {
    for (const kc::Codec& each : kc::codecs()) {
        if (each.format == codec.facts.format && each.missing.empty() && each.largest_chunk >= largest_chunk) return each;
    }
    return kc::codec_named("memcpy");
}

template <class T>
T* on_device(const void* address, std::size_t count, std::size_t alignment = alignof(T)) {
    return static_cast<T*>(fake_device().resolve(reinterpret_cast<Address>(address), count * sizeof(T), alignment));
}

std::vector<std::uint8_t> in_dialect(kc::Bytes bytes) {
    std::vector<std::uint8_t> made(bytes.begin(), bytes.end());
    if (fake_gpu().dialect) {
        for (std::uint8_t& byte : made) byte ^= 1;
    }
    return made;
}

/// Writes what became of a chunk, or what the test wants it to look like.
void report(Direction direction, std::size_t chunk, std::size_t size, std::size_t& size_out, kc::NvcompStatus& status_out) {
    const auto& fault = fake_gpu().fault;
    const bool here = fault && fault->direction == direction && fault->chunk == chunk;
    size_out = here && fault->size ? *fault->size : size;
    if (!here) status_out = 0;
    if (here && fault->status) status_out = *fault->status;
}

/// The functions of one codec. A template, since tables hold plain functions.
template <std::size_t index>
struct FakeCodec {
    static const kc::NvcompBatchedCodec& codec() { return kc::nvcomp_batched_codecs()[index]; }
    static std::size_t bound(std::size_t largest_chunk) { return stand_in(codec(), largest_chunk).bound(largest_chunk); }

    static kc::NvcompStatus compress_alignments(kc::NvcompOptions, kc::NvcompAlignments* alignments) {
        *alignments = FakeGpu::compressing;
        return 0;
    }
    static kc::NvcompStatus decompress_alignments(kc::NvcompOptions, kc::NvcompAlignments* alignments) {
        *alignments = FakeGpu::decompressing;
        return 0;
    }
    static kc::NvcompStatus compressed_bound(std::size_t largest_chunk, kc::NvcompOptions, std::size_t* most) {
        *most = bound(largest_chunk);
        return 0;
    }
    static kc::NvcompStatus compress_temp_bytes(const void* const* chunks, const std::size_t* chunk_bytes, std::size_t count,
                                                std::size_t largest_chunk, kc::NvcompOptions, std::size_t* temp_bytes, std::size_t total,
                                                void*) {
        // This one looks at the chunks: they must be there.
        std::size_t sum = 0;
        for (std::size_t chunk = 0; chunk < count; ++chunk) {
            const std::size_t bytes = on_device<const std::size_t>(chunk_bytes, count)[chunk];
            if (bytes > largest_chunk) return 10;
            on_device<const std::uint8_t>(on_device<const void* const>(chunks, count)[chunk], bytes, FakeGpu::compressing.input);
            sum += bytes;
        }
        *temp_bytes = FakeGpu::compress_scratch(count);
        return sum == total ? 0 : 10;
    }
    static kc::NvcompStatus decompress_temp_bytes(std::size_t count, std::size_t, kc::NvcompOptions, std::size_t* temp_bytes, std::size_t,
                                                  void*) {
        *temp_bytes = FakeGpu::decompress_scratch(count);
        return 0;
    }
    static kc::NvcompStatus compress(const void* const* chunks, const std::size_t* chunk_bytes, std::size_t largest_chunk,
                                     std::size_t count, void* temp, std::size_t temp_bytes, void* const* compressed,
                                     std::size_t* compressed_bytes, kc::NvcompOptions options, kc::NvcompStatus* statuses, void*) {
        if (fake_gpu().launch_status != 0) return fake_gpu().launch_status;
        if (temp_bytes < FakeGpu::compress_scratch(count)) return 10;
        fake_gpu().compress_options.push_back(options);
        fake_device().enqueue(FakeGpu::compress_seconds, [=] {
            on_device<std::uint8_t>(temp, temp_bytes, FakeGpu::compressing.temp);
            const auto worker = stand_in(codec(), largest_chunk).make({});
            for (std::size_t chunk = 0; chunk < count; ++chunk) {
                const std::size_t bytes = on_device<const std::size_t>(chunk_bytes, count)[chunk];
                const void* const from = on_device<const void* const>(chunks, count)[chunk];
                void* const to = on_device<void* const>(compressed, count)[chunk];
                const auto raw = in_dialect({on_device<const std::uint8_t>(from, bytes, FakeGpu::compressing.input), bytes});
                const std::size_t room = bound(largest_chunk);
                const std::size_t size = worker->compress(raw, {on_device<std::uint8_t>(to, room, FakeGpu::compressing.output), room});
                report(Direction::compress, chunk, size, on_device<std::size_t>(compressed_bytes, count)[chunk],
                       on_device<kc::NvcompStatus>(statuses, count)[chunk]);
            }
        });
        return 0;
    }
    static kc::NvcompStatus decompress(const void* const* compressed, const std::size_t* compressed_bytes, const std::size_t* room,
                                       std::size_t* chunk_bytes, std::size_t count, void* temp, std::size_t temp_bytes, void* const* chunks,
                                       kc::NvcompOptions options, kc::NvcompStatus* statuses, void*) {
        if (fake_gpu().launch_status != 0) return fake_gpu().launch_status;
        if (temp_bytes < FakeGpu::decompress_scratch(count)) return 10;
        fake_gpu().decompress_options.push_back(options);
        fake_device().enqueue(FakeGpu::decompress_seconds, [=] {
            on_device<std::uint8_t>(temp, temp_bytes, FakeGpu::decompressing.temp);
            const std::size_t* const sizes = on_device<const std::size_t>(room, count);
            const auto worker = stand_in(codec(), *std::max_element(sizes, sizes + count)).make({});
            for (std::size_t chunk = 0; chunk < count; ++chunk) {
                const std::size_t bytes = on_device<const std::size_t>(compressed_bytes, count)[chunk];
                const void* const from = on_device<const void* const>(compressed, count)[chunk];
                void* const to = on_device<void* const>(chunks, count)[chunk];
                std::vector<std::uint8_t> raw(sizes[chunk]);
                worker->decompress({on_device<const std::uint8_t>(from, bytes, FakeGpu::decompressing.input), bytes}, raw);
                raw = in_dialect(raw);
                std::ranges::copy(raw, on_device<std::uint8_t>(to, raw.size(), FakeGpu::decompressing.output));
                report(Direction::decompress, chunk, raw.size(), on_device<std::size_t>(chunk_bytes, count)[chunk],
                       on_device<kc::NvcompStatus>(statuses, count)[chunk]);
            }
        });
        return 0;
    }

    static void add(kc::NvcompBatched& batched) {
        kc::NvcompFunctions& functions = batched.codecs[codec().facts.name];
        functions.compress_alignments = compress_alignments;
        functions.compress_temp_bytes = compress_temp_bytes;
        functions.compressed_bound = compressed_bound;
        functions.compress = compress;
        functions.decompress_alignments = decompress_alignments;
        functions.decompress_temp_bytes = decompress_temp_bytes;
        functions.decompress = decompress;
    }
};

template <std::size_t... indices>
kc::NvcompBatched fake_nvcomp(std::index_sequence<indices...>) {
    kc::NvcompBatched batched;
    (FakeCodec<indices>::add(batched), ...);
    return batched;
}

}  // namespace

FakeGpu& fake_gpu() {
    static FakeGpu gpu;
    return gpu;
}

void FakeGpu::switch_away() {
    fake_device().switch_away();
}

void reset_fake_gpu() {
    if (fake_gpu().live_bytes != 0)
        throw base::Error(base::ErrorKind::internal, std::to_string(fake_gpu().live_bytes) + " bytes were never freed");
    fake_gpu() = FakeGpu();
    fake_device().reset();
}

families::compression::Gpu fake_gpu_tables() {
    static const kernels::gpu::Cuda cuda = fake_cuda();
    static const kc::NvcompBatched nvcomp = fake_nvcomp(std::make_index_sequence<8>());
    return {cuda, nvcomp};
}

}  // namespace plumb::test
