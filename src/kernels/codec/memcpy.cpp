// SPDX-License-Identifier: Apache-2.0
// The copy that every codec is held against: what moving the bytes alone costs.
#include <cstring>
#include <limits>

#include "kernels/codec/checked_worker.h"
#include "kernels/codec/table.h"

namespace plumb::kernels::codec {
namespace {

class MemcpyWorker final : public CheckedWorker {
  public:
    explicit MemcpyWorker(const Codec& codec) : CheckedWorker(codec) {}
    std::size_t scratch_bytes() const override { return 0; }

  protected:
    std::size_t encode(Bytes in, MutableBytes out) override {
        std::memcpy(writable(out), readable(in), in.size());
        return in.size();
    }
    void decode(Bytes in, MutableBytes out) override {
        if (in.size() != out.size()) {
            damaged(std::to_string(in.size()) + " bytes where " + std::to_string(out.size()) + " are expected");
        }
        std::memcpy(writable(out), readable(in), in.size());
    }
};

}  // namespace

Codec memcpy_codec() {
    Codec codec;
    codec.name = "memcpy";
    codec.summary = "Copies: the speed that memory allows, and the ratio 1.";
    codec.library = "plumb";
    codec.format = "raw";
    codec.largest_chunk = std::numeric_limits<std::size_t>::max();
    codec.bound = [](std::size_t bytes) { return bytes; };
    codec.make = [](const Options& options) -> std::unique_ptr<Worker> {
        const Codec self = memcpy_codec();
        complete(self, options);
        return std::make_unique<MemcpyWorker>(self);
    };
    return codec;
}

}  // namespace plumb::kernels::codec
