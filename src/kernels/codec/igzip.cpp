// SPDX-License-Identifier: Apache-2.0
// Raw DEFLATE (RFC 1951) by ISA-L's igzip: one call a chunk, no wrapper, no checksum. Level 0 has fixed tables; 1 to 3 count symbols first.
#include <isa-l.h>

#include <array>
#include <limits>
#include <vector>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

/// The working buffer of each level, of the size that the library recommends.
constexpr std::array<std::size_t, ISAL_DEF_MAX_LEVEL + 1> level_buffer_bytes = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                                                                ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};

/// Given this much room, igzip falls back to stored blocks of at most 65,535 bytes behind 5 bytes each, and so never runs out of it.
constexpr std::size_t bound(std::size_t bytes) {
    constexpr std::size_t block = 65535;
    const std::size_t blocks = bytes == 0 ? 1 : bytes / block + (bytes % block != 0);
    return bytes + 5 * blocks;
}

/// Room is counted in 32 bits: 65,532 full blocks leave 15 of the 2^32 - 1 bytes, a block of 10.
constexpr std::size_t largest_chunk = std::size_t{65532} * 65535 + 10;
static_assert(bound(largest_chunk) == std::numeric_limits<std::uint32_t>::max());

class IgzipWorker final : public CheckedWorker {
  public:
    IgzipWorker(const Codec& codec, int level)
        : CheckedWorker(codec), level_(static_cast<std::uint32_t>(level)), level_buffer_(level_buffer_bytes.at(level_)) {}

    std::size_t scratch_bytes() const override {
        return level_buffer_.size() + (compression_ ? sizeof(*compression_) : 0) + (decompression_ ? sizeof(*decompression_) : 0);
    }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        if (!compression_) compression_ = std::make_unique<isal_zstream>();
        isal_zstream& stream = *compression_;
        isal_deflate_stateless_init(&stream);
        stream.level = level_;
        stream.level_buf = level_buffer_.empty() ? nullptr : level_buffer_.data();
        stream.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
        stream.end_of_stream = 1;
        stream.flush = NO_FLUSH;
        stream.next_in = unsigned_bytes(in);
        stream.avail_in = static_cast<std::uint32_t>(in.size());
        stream.next_out = reinterpret_cast<std::uint8_t*>(writable(out));
        stream.avail_out = static_cast<std::uint32_t>(out.size());
        const int status = isal_deflate_stateless(&stream);
        if (status != COMP_OK) gave_up("status " + std::to_string(status));
        return stream.total_out;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (in.size() > std::numeric_limits<std::uint32_t>::max()) damaged("longer than a chunk can be");
        if (!decompression_) decompression_ = std::make_unique<inflate_state>();
        inflate_state& state = *decompression_;
        isal_inflate_init(&state);
        state.next_in = unsigned_bytes(in);
        state.avail_in = static_cast<std::uint32_t>(in.size());
        state.next_out = reinterpret_cast<std::uint8_t*>(writable(out));
        state.avail_out = static_cast<std::uint32_t>(out.size());
        const int status = isal_inflate_stateless(&state);
        if (status != ISAL_DECOMP_OK) damaged("status " + std::to_string(status));
        if (state.total_out != out.size()) {
            damaged(std::to_string(state.total_out) + " bytes where " + std::to_string(out.size()) + " are expected");
        }
        if (state.avail_in != 0) damaged("the stream ends " + std::to_string(state.avail_in) + " bytes early");
    }

  private:
    /// The library only reads through it; its struct lacks the const.
    static std::uint8_t* unsigned_bytes(Bytes bytes) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(readable(bytes))); }

    std::uint32_t level_;
    std::vector<std::uint8_t> level_buffer_;
    std::unique_ptr<isal_zstream> compression_;
    std::unique_ptr<inflate_state> decompression_;
};

}  // namespace

Codec igzip_codec() {
    Codec codec;
    codec.name = "igzip";
    codec.summary = "DEFLATE by ISA-L's igzip: assembly for speed, less search than libdeflate.";
    // The library cannot be asked for its version at run time: this is the header's.
    codec.library =
        "isa-l " + std::to_string(ISAL_MAJOR_VERSION) + "." + std::to_string(ISAL_MINOR_VERSION) + "." + std::to_string(ISAL_PATCH_VERSION);
    codec.format = "deflate";
    codec.levels = {.low = ISAL_DEF_MIN_LEVEL, .high = ISAL_DEF_MAX_LEVEL, .normal = 1};
    codec.largest_chunk = largest_chunk;
    codec.bound = bound;
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = igzip_codec();
        return std::make_unique<IgzipWorker>(self, *complete(self, options).level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
