// SPDX-License-Identifier: Apache-2.0
// Snappy blocks (not its framing) by libsnappy. A block opens with the original size.
#include <snappy-c.h>
#include <snappy-stubs-public.h>

#include <algorithm>
#include <limits>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

/// What libsnappy allocates while it compresses: a hash table of 16-bit positions with a power of two of at least 256 and at most 2^14
/// entries (2^15 since 1.1.10), a copy of one fragment of at most 64 KiB, and room for that fragment compressed (its WorkingMemory).
std::size_t working_memory(std::size_t bytes) {
    constexpr std::size_t fragment_limit = 65536;
    constexpr std::size_t most_entries = SNAPPY_VERSION >= ((1 << 16) | (1 << 8) | 10) ? 1 << 15 : 1 << 14;
    const std::size_t fragment = std::min(bytes, fragment_limit);
    std::size_t entries = 256;
    while (entries < most_entries && entries < fragment) entries *= 2;
    return entries * sizeof(std::uint16_t) + fragment + snappy_max_compressed_length(fragment);
}

class SnappyWorker final : public CheckedWorker {
  public:
    explicit SnappyWorker(const Codec& codec) : CheckedWorker(codec) {}

    std::size_t scratch_bytes() const override { return most_scratch_; }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        std::size_t written = out.size();
        const snappy_status status = snappy_compress(readable(in), in.size(), writable(out), &written);
        if (status != SNAPPY_OK) gave_up("status " + std::to_string(status));
        most_scratch_ = std::max(most_scratch_, working_memory(in.size()));
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        std::size_t expected = 0;
        if (snappy_uncompressed_length(readable(in), in.size(), &expected) != SNAPPY_OK) damaged("no readable size");
        if (expected != out.size()) {
            damaged(std::to_string(expected) + " bytes where " + std::to_string(out.size()) + " are expected");
        }
        std::size_t written = out.size();
        if (snappy_uncompress(readable(in), in.size(), writable(out), &written) != SNAPPY_OK) damaged("invalid block");
    }

  private:
    std::size_t most_scratch_ = 0;
};

}  // namespace

Codec snappy_codec() {
    Codec codec;
    codec.name = "snappy";
    codec.summary = "Snappy: byte-aligned matches within 64 KiB fragments, no entropy coding, no levels.";
    // The library cannot be asked for its version at run time: this is the header's.
    codec.library = "snappy " + std::to_string(SNAPPY_MAJOR) + "." + std::to_string(SNAPPY_MINOR) + "." + std::to_string(SNAPPY_PATCHLEVEL);
    codec.format = "snappy block";
    codec.largest_chunk = std::numeric_limits<std::uint32_t>::max();
    codec.bound = [](std::size_t bytes) { return snappy_max_compressed_length(bytes); };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = snappy_codec();
        complete(self, options);
        return std::make_unique<SnappyWorker>(self);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
