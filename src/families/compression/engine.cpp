// SPDX-License-Identifier: Apache-2.0
#include "families/compression/engine.h"

#include <algorithm>

#include "base/error.h"
#include "families/compression/cpu_engine.h"
#include "families/compression/gpu_engine.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;

[[noreturn]] void unsupported(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::unsupported, message, hint);
}

void require_fit(const kc::Codec& codec, const std::vector<Span>& chunks) {
    for (const Span& chunk : chunks) {
        if (chunk.size > codec.largest_chunk) {
            unsupported("chunks of " + std::to_string(chunk.size) + " bytes are above the limit of " + codec.name + ", " +
                            std::to_string(codec.largest_chunk) + " bytes",
                        "choose smaller chunks");
        }
        if (chunk.offset % codec.alignment != 0) {
            unsupported(codec.name + " reads chunks that start at multiples of " + std::to_string(codec.alignment) +
                            " bytes, but one starts at byte " + std::to_string(chunk.offset),
                        "choose a chunk size that is a multiple of it");
        }
    }
}

std::unique_ptr<Engine> make_cpu_engine(EngineRequest request) {
    if (kc::nvcomp_batched_codec(request.codec) != nullptr)
        unsupported("codec " + request.codec + " runs on a GPU only", "device=cuda:0; plumb list devices");
    const kc::Codec& codec = kc::codec_named(request.codec);
    if (!codec.missing.empty()) throw base::Error(base::ErrorKind::missing, "codec " + codec.name + ": " + codec.missing);
    try {
        request.options = kc::complete(codec, request.options);
    } catch (const base::Error& error) {
        // In a sweep over several codecs, an option that this one does not have is a cell that cannot be, not a mistake.
        unsupported(error.what(), error.hint());
    }
    require_fit(codec, request.chunks);
    return std::make_unique<CpuEngine>(codec, std::move(request));
}

}  // namespace

std::unique_ptr<Engine> make_engine(EngineRequest request) {
    if (request.device == "cpu") return make_cpu_engine(std::move(request));
    if (request.device.starts_with("cuda")) return make_gpu_engine(std::move(request));
    unsupported("device " + request.device + " is not one that codecs run on here",
                "device=cpu or cuda:0; results from elsewhere: plumb import");
}

const kc::Codec* facts_of(const std::string& codec) {
    const auto here = std::ranges::find(kc::codecs(), codec, &kc::Codec::name);
    if (here != kc::codecs().end()) return &*here;
    const kc::NvcompBatchedCodec* const batched = kc::nvcomp_batched_codec(codec);
    return batched != nullptr ? &batched->facts : nullptr;
}

}  // namespace plumb::families::compression
