// SPDX-License-Identifier: Apache-2.0
// LZ4 blocks by liblz4, fast and high-compression. Both write the same format, so that one decoder serves both.
#include <lz4.h>
#include <lz4hc.h>

#include <cstddef>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

/// Beyond it the library takes the same acceleration.
constexpr int most_acceleration = 65537;

/// liblz4 counts in int; above its largest input its bound is 0, and no chunk that large is compressed.
int as_int(std::size_t bytes) {
    return static_cast<int>(bytes);
}

std::size_t bound(std::size_t bytes) {
    return bytes > LZ4_MAX_INPUT_SIZE ? 0 : static_cast<std::size_t>(LZ4_compressBound(as_int(bytes)));
}

class Lz4Worker : public CheckedWorker {
  public:
    std::size_t scratch_bytes() const override { return state_bytes_ + call_bytes_; }

  protected:
    /// `state_bytes` are held, `call_bytes` are taken by the library for the time of a call.
    Lz4Worker(const Codec& codec, int level, int state_bytes, std::size_t call_bytes)
        : CheckedWorker(codec),
          level_(level),
          state_bytes_(static_cast<std::size_t>(state_bytes)),
          call_bytes_(call_bytes),
          state_(std::make_unique<std::byte[]>(state_bytes_)) {}

    std::size_t checked_size(int written) const {
        if (written <= 0) gave_up("no room for the compressed chunk");
        return static_cast<std::size_t>(written);
    }

    void decode(Bytes in, MutableBytes out) override {
        if (in.size() > LZ4_MAX_INPUT_SIZE + LZ4_MAX_INPUT_SIZE / 255 + 16) damaged("longer than any LZ4 block");
        const int written = LZ4_decompress_safe(readable(in), writable(out), as_int(in.size()), as_int(out.size()));
        if (written < 0) damaged("LZ4_decompress_safe stopped at byte " + std::to_string(-(written + 1)));
        if (static_cast<std::size_t>(written) != out.size()) {
            damaged(std::to_string(written) + " bytes where " + std::to_string(out.size()) + " are expected");
        }
    }

    int level_;
    std::size_t state_bytes_;
    std::size_t call_bytes_;
    std::unique_ptr<std::byte[]> state_;  // new[] aligns for any type, which is what the library asks of a state
};

class FastWorker final : public Lz4Worker {
  public:
    FastWorker(const Codec& codec, int acceleration) : Lz4Worker(codec, acceleration, LZ4_sizeofState(), 0) {}

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        return checked_size(
            LZ4_compress_fast_extState(state_.get(), readable(in), writable(out), as_int(in.size()), as_int(out.size()), level_));
    }
};

/// The optimal parser of the highest levels keeps, on the heap, the prices of 4096 + 3 positions of 16 bytes each.
std::size_t optimal_parser_bytes(int level) {
    return level >= LZ4HC_CLEVEL_OPT_MIN ? (4096 + 3) * 16 : 0;
}

class HighWorker final : public Lz4Worker {
  public:
    HighWorker(const Codec& codec, int level) : Lz4Worker(codec, level, LZ4_sizeofStateHC(), optimal_parser_bytes(level)) {}

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        return checked_size(
            LZ4_compress_HC_extStateHC(state_.get(), readable(in), writable(out), as_int(in.size()), as_int(out.size()), level_));
    }
};

Codec common() {
    Codec codec;
    codec.library = std::string("lz4 ") + LZ4_versionString();
    codec.format = "lz4 block";
    codec.largest_chunk = LZ4_MAX_INPUT_SIZE;
    codec.bound = bound;
    return codec;
}

}  // namespace

Codec lz4_codec() {
    Codec codec = common();
    codec.name = "lz4";
    codec.summary =
        "LZ4, fast: byte-aligned matches, no entropy coding. The level is the library's acceleration: higher is faster and larger.";
    codec.levels = {.low = 1, .high = most_acceleration, .normal = 1};
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = lz4_codec();
        return std::make_unique<FastWorker>(self, *complete(self, options).level);
    };
    return codec;
}

Codec lz4hc_codec() {
    Codec codec = common();
    codec.name = "lz4hc";
    codec.summary = "LZ4, high compression: the same format with a longer search; decompresses as fast as lz4.";
    codec.levels = {.low = LZ4HC_CLEVEL_MIN, .high = LZ4HC_CLEVEL_MAX, .normal = LZ4HC_CLEVEL_DEFAULT};
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = lz4hc_codec();
        return std::make_unique<HighWorker>(self, *complete(self, options).level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
