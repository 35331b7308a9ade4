// SPDX-License-Identifier: Apache-2.0
// Raw DEFLATE (RFC 1951) by libdeflate: whole buffers, no wrapper, no checksum.
#include <libdeflate.h>

#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

/// Bytes that libdeflate asked for on this thread. It allocates only when a compressor or decompressor is made, and its allocator can be
/// set for the whole process alone: so set once, and count.
thread_local std::size_t bytes_asked_for = 0;

void* counting_allocate(std::size_t bytes) {
    bytes_asked_for += bytes;
    return std::malloc(bytes);
}

void count_allocations() {
    static std::once_flag once;
    std::call_once(once, [] { libdeflate_set_memory_allocator(counting_allocate, std::free); });
}

/// Makes an object of libdeflate and adds what it took to `held`.
template <class Make>
auto* make_counted(std::size_t& held, Make make) {
    const std::size_t before = bytes_asked_for;
    auto* made = make();
    if (made == nullptr) throw std::bad_alloc();
    held += bytes_asked_for - before;
    return made;
}

struct FreeState {
    void operator()(libdeflate_compressor* state) const { libdeflate_free_compressor(state); }
    void operator()(libdeflate_decompressor* state) const { libdeflate_free_decompressor(state); }
};

class DeflateWorker final : public CheckedWorker {
  public:
    DeflateWorker(const Codec& codec, int level) : CheckedWorker(codec), level_(level) { count_allocations(); }

    std::size_t scratch_bytes() const override { return held_; }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        if (!compressor_) compressor_.reset(make_counted(held_, [&] { return libdeflate_alloc_compressor(level_); }));
        const std::size_t written = libdeflate_deflate_compress(compressor_.get(), readable(in), in.size(), writable(out), out.size());
        if (written == 0) gave_up("no room for the compressed chunk");
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (!decompressor_) decompressor_.reset(make_counted(held_, [] { return libdeflate_alloc_decompressor(); }));
        std::size_t read = 0;
        // Without a place for the size written, the library holds the stream to exactly out.size() bytes.
        const libdeflate_result result =
            libdeflate_deflate_decompress_ex(decompressor_.get(), readable(in), in.size(), writable(out), out.size(), &read, nullptr);
        if (result == LIBDEFLATE_BAD_DATA) damaged("invalid stream");
        if (result != LIBDEFLATE_SUCCESS) damaged("the stream does not give " + std::to_string(out.size()) + " bytes");
        if (read != in.size()) damaged("the stream ends after " + std::to_string(read) + " of " + std::to_string(in.size()) + " bytes");
    }

  private:
    int level_;
    std::size_t held_ = 0;
    std::unique_ptr<libdeflate_compressor, FreeState> compressor_;
    std::unique_ptr<libdeflate_decompressor, FreeState> decompressor_;
};

}  // namespace

Codec deflate_codec() {
    Codec codec;
    codec.name = "deflate";
    codec.summary = "DEFLATE by libdeflate: matches within 32 KiB and Huffman codes, what zip, gzip and PNG hold.";
    // The library cannot be asked for its version at run time: this is the header's.
    codec.library = "libdeflate " LIBDEFLATE_VERSION_STRING;
    codec.format = "deflate";
    codec.levels = {.low = 0, .high = 12, .normal = 6};
    codec.largest_chunk = std::numeric_limits<std::size_t>::max() / 2;
    codec.bound = [](std::size_t bytes) { return libdeflate_deflate_compress_bound(nullptr, bytes); };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = deflate_codec();
        return std::make_unique<DeflateWorker>(self, *complete(self, options).level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
