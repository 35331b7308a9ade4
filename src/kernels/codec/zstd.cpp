// SPDX-License-Identifier: Apache-2.0
// Zstandard frames by libzstd. A frame carries the original size, as the library does by default, and no checksum.
#include <zstd.h>

#include <new>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdWorker final : public CheckedWorker {
  public:
    ZstdWorker(const Codec& codec, int level) : CheckedWorker(codec), level_(level) {}

    std::size_t scratch_bytes() const override {
        // Both take null for nothing.
        return ZSTD_sizeof_CCtx(compression_.get()) + ZSTD_sizeof_DCtx(decompression_.get());
    }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        if (!compression_) {
            compression_.reset(ZSTD_createCCtx());
            if (!compression_) throw std::bad_alloc();
            const std::size_t set = ZSTD_CCtx_setParameter(compression_.get(), ZSTD_c_compressionLevel, level_);
            if (ZSTD_isError(set)) gave_up(ZSTD_getErrorName(set));
        }
        const std::size_t written = ZSTD_compress2(compression_.get(), writable(out), out.size(), readable(in), in.size());
        if (ZSTD_isError(written)) gave_up(ZSTD_getErrorName(written));
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (!decompression_) {
            decompression_.reset(ZSTD_createDCtx());
            if (!decompression_) throw std::bad_alloc();
        }
        if (in.empty()) damaged("no frame");  // the library takes no bytes for no frames, an empty result
        const std::size_t written = ZSTD_decompressDCtx(decompression_.get(), writable(out), out.size(), readable(in), in.size());
        if (ZSTD_isError(written)) damaged(ZSTD_getErrorName(written));
        if (written != out.size()) damaged(std::to_string(written) + " bytes where " + std::to_string(out.size()) + " are expected");
    }

  private:
    int level_;
    std::unique_ptr<ZSTD_CCtx, FreeContext> compression_;
    std::unique_ptr<ZSTD_DCtx, FreeContext> decompression_;
};

}  // namespace

Codec zstd_codec() {
    Codec codec;
    codec.name = "zstd";
    codec.summary =
        "Zstandard: matches, Huffman and tANS coding; a ratio near deflate's at several times its speed. Negative levels are faster.";
    codec.library = std::string("zstd ") + ZSTD_versionString();
    codec.format = "zstd frame";
    codec.levels = {.low = ZSTD_minCLevel(), .high = ZSTD_maxCLevel(), .normal = ZSTD_defaultCLevel()};
    codec.largest_chunk = ZSTD_MAX_INPUT_SIZE - 1;
    codec.bound = [](std::size_t bytes) { return ZSTD_compressBound(bytes); };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = zstd_codec();
        return std::make_unique<ZstdWorker>(self, *complete(self, options).level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
