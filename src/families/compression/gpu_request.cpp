// SPDX-License-Identifier: Apache-2.0
// Whether device, codec, options and chunks of a request go together on a GPU, before a GPU is asked for.
#include <charconv>

#include "base/error.h"
#include "families/compression/gpu_engine.h"
#include "kernels/codec/nvcomp_library.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;

[[noreturn]] void unsupported(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::unsupported, message, hint);
}

std::size_t ordinal_of(const std::string& device) {
    const std::string_view digits = std::string_view(device).substr(device.find(':') + 1);
    std::size_t ordinal = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
    if (!device.starts_with("cuda:") || error != std::errc() || end != digits.data() + digits.size() || ordinal > 1023)
        unsupported("device " + device + " is no device of CUDA", "cuda:0, cuda:1 ...; plumb list devices");
    return ordinal;
}

const kc::NvcompBatchedCodec& codec_of(const std::string& name) {
    if (const kc::NvcompBatchedCodec* codec = kc::nvcomp_batched_codec(name)) return *codec;
    const bool namesake = kc::nvcomp_batched_codec("nvcomp:" + name) != nullptr;
    unsupported("codec " + name + " runs on the CPU only", namesake ? "codec=nvcomp:" + name + ", or device=cpu" : "device=cpu");
}

kc::Options complete_options(const kc::NvcompBatchedCodec& codec, const kc::Options& options) {
    try {
        return kc::complete(codec, options);
    } catch (const base::Error& error) {
        // In a sweep over several codecs, an option that this one does not have is a cell that cannot be, not a mistake.
        unsupported(error.what(), error.hint());
    }
}

void require_fit(const kc::NvcompBatchedCodec& codec, const EngineRequest& request) {
    const std::size_t element = request.options.element ? kc::size_of(*request.options.element) : 1;
    for (const Span& chunk : request.chunks) {
        if (chunk.size > codec.facts.largest_chunk) {
            unsupported("chunks of " + std::to_string(chunk.size) + " bytes are above the limit of " + codec.facts.name + ", " +
                            std::to_string(codec.facts.largest_chunk) + " bytes",
                        "choose smaller chunks");
        }
        if (chunk.size % element != 0) {
            unsupported("a chunk of " + std::to_string(chunk.size) + " bytes is no whole number of elements of " + std::to_string(element) +
                            " bytes, which " + codec.facts.name + " asks for",
                        "element=u8, or a chunk and a file (repeat_to) that are multiples of " + std::to_string(element));
        }
    }
}

}  // namespace

Gpu this_gpu() {
    return {kernels::gpu::cuda(), kc::nvcomp_batched()};
}

std::unique_ptr<Engine> make_gpu_engine(EngineRequest request, const Gpu& gpu) {
    const std::size_t ordinal = ordinal_of(request.device);
    const kc::NvcompBatchedCodec& codec = codec_of(request.codec);
    request.options = complete_options(codec, request.options);
    if (request.workers != 1)
        unsupported("workers=" + std::to_string(request.workers) + ": a GPU takes all chunks at once", "workers=1 on a GPU");
    require_fit(codec, request);
    if (!gpu.nvcomp.missing.empty() && gpu.cuda.missing.empty())
        throw base::Error(base::ErrorKind::missing, "codec " + codec.facts.name + ": " + gpu.nvcomp.missing, "deps/setup nvcomp");
    return std::make_unique<GpuEngine>(codec, ordinal, std::move(request), gpu);
}

}  // namespace plumb::families::compression
