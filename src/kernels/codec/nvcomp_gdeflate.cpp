// SPDX-License-Identifier: Apache-2.0
// GDeflate by nvCOMP's host functions: NVIDIA's own encoder and decoder of the format that plumb's gdeflate writes.
// An empty chunk is no page at all: 0 bytes; the library is not asked, it has no pages of nothing.
// Source of the prototypes: nvCOMP's documentation of its native GDeflate interface; the names are those of the Itanium C++ ABI.
#include <algorithm>
#include <exception>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/nvcomp_library.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

using CompressChunks = void(const void* const* in, const std::size_t* in_bytes, std::size_t most_in_bytes, std::size_t chunks,
                            void* const* out, std::size_t* out_bytes, int level);
using DecompressChunks = void(const void* const* in, const std::size_t* in_bytes, std::size_t chunks, void* const* out,
                              std::size_t* out_room, std::size_t* out_bytes);
using MostBytes = void(std::size_t most_in_bytes, std::size_t* most_out_bytes);

struct Functions {
    CompressChunks* compress = nullptr;
    DecompressChunks* decompress = nullptr;
    MostBytes* most_bytes = nullptr;
    std::string missing;
};

const Functions& library() {
    static const Functions loaded = [] {
        const NvcompLibrary& cpu = NvcompLibrary::cpu();
        Functions f;
        f.missing = cpu.missing();
        f.compress = cpu.function<CompressChunks>("_ZN6nvcomp8gdeflate11compressCPUEPKPKvPKmmmPKPvPmi");
        f.decompress = cpu.function<DecompressChunks>("_ZN6nvcomp8gdeflate13decompressCPUEPKPKvPKmmPKPvPmSA_");
        f.most_bytes = cpu.function<MostBytes>("_ZN6nvcomp8gdeflate32compressCPUGetMaxOutputChunkSizeEmPm");
        const bool complete = f.compress != nullptr && f.decompress != nullptr && f.most_bytes != nullptr;
        if (f.missing.empty() && !complete) f.missing = "this nvCOMP has no nvcomp::gdeflate::compressCPU";
        return f;
    }();
    return loaded;
}

constexpr std::size_t page = 65536;

/// What the library takes from the allocator for the time of a call, by level; measured with 6.0.0.
std::size_t compression_bytes(int level) {
    if (level == 0) return 71'656;
    return level < 8 ? 2'327'048 : 14'018'536;
}
constexpr std::size_t decompression_bytes = 7'528;

class NvcompGdeflateWorker final : public CheckedWorker {
  public:
    NvcompGdeflateWorker(const Codec& codec, int level) : CheckedWorker(codec), level_(level) {}

    std::size_t scratch_bytes() const override { return most_scratch_; }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        if (in.empty()) return 0;
        const void* in_address = in.data();
        const std::size_t in_bytes = in.size();
        void* out_address = out.data();
        std::size_t written = 0;
        try {
            library().compress(&in_address, &in_bytes, in_bytes, 1, &out_address, &written, level_);
        } catch (const std::exception& reason) {
            gave_up(reason.what());
        }
        most_scratch_ = std::max(most_scratch_, compression_bytes(level_));
        return written;
    }

    void decode(Bytes in, MutableBytes out) override {
        if (out.empty()) {
            if (!in.empty()) damaged("a page where no bytes are expected");
            return;
        }
        if (in.empty()) damaged("no page");
        const void* in_address = in.data();
        const std::size_t in_bytes = in.size();
        void* out_address = out.data();
        std::size_t room = out.size();
        std::size_t written = 0;
        try {
            library().decompress(&in_address, &in_bytes, 1, &out_address, &room, &written);
        } catch (const std::exception& reason) {
            damaged(reason.what());
        }
        most_scratch_ = std::max(most_scratch_, decompression_bytes);
        if (written != out.size()) damaged(std::to_string(written) + " bytes where " + std::to_string(out.size()) + " are expected");
    }

  private:
    int level_;
    std::size_t most_scratch_ = 0;
};

std::size_t bound(std::size_t bytes) {
    require_present(nvcomp_gdeflate_codec());
    if (bytes == 0 || bytes > page) return 0;
    std::size_t most = 0;
    library().most_bytes(bytes, &most);
    return most;
}

}  // namespace

Codec nvcomp_gdeflate_codec() {
    Codec codec;
    codec.name = "nvcomp-gdeflate";
    codec.summary = "NVIDIA's GDeflate on the CPU: DEFLATE dealt out to 32 interleaved streams, one page of 64 KiB a chunk.";
    codec.library = nvcomp_version();
    codec.format = "gdeflate";
    codec.levels = {.low = 0, .high = 12, .normal = 1};
    codec.safe = false;
    codec.largest_chunk = page;
    codec.missing = library().missing;
    codec.bound = bound;
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = nvcomp_gdeflate_codec();
        const Options completed = complete(self, options);
        require_present(self);
        return std::make_unique<NvcompGdeflateWorker>(self, *completed.level);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
