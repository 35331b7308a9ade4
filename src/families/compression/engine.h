// SPDX-License-Identifier: Apache-2.0
// Where chunks are compressed and decompressed: on workers of this CPU, or on a GPU. Both directions work from memory to memory, all chunks
// a call; sizes and places of the compressed chunks are the engine's own bookkeeping.
// To add a device: an Engine, and a line in make_engine().
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "families/compression/input.h"
#include "kernels/codec/codec.h"
#include "lab/trial.h"

namespace plumb::families::compression {

enum class Direction { compress, decompress };

class Engine {
  public:
    virtual ~Engine() = default;
    virtual void compress() = 0;
    virtual void decompress() = 0;
    /// The chunk as the last compress() left it, in this CPU's memory.
    virtual kernels::codec::Bytes compressed(std::size_t chunk) = 0;
    /// The chunk as the last decompress() left it, in this CPU's memory; other chunks' views become invalid on a GPU.
    virtual kernels::codec::Bytes decompressed(std::size_t chunk) = 0;
    /// Overwrites all output of decompress(), so that what is not written is seen.
    virtual void spoil_output() = 0;
    /// Whether the codec handed the chunk back raw.
    virtual bool stored(std::size_t chunk) = 0;
    /// What only this kind of device can tell, after timing.
    virtual std::vector<lab::MetricValue> metrics() = 0;
    /// What a run's log should keep of the device; empty where the host's facts say it all.
    virtual std::string note() const { return {}; }
};

struct EngineRequest {
    std::string device;  ///< "cpu", "cuda:0"
    std::string codec;
    kernels::codec::Options options;
    std::size_t workers = 1;
    std::shared_ptr<const Content> content;
    std::vector<Span> chunks;
};

/// Throws unsupported with the reason where codec, options, device and chunks do not go together, missing where the codec or the device is
/// not here.
std::unique_ptr<Engine> make_engine(EngineRequest request);

/// What is known of a codec of this CPU or of a GPU; null for another name.
const kernels::codec::Codec* facts_of(const std::string& codec);

}  // namespace plumb::families::compression
