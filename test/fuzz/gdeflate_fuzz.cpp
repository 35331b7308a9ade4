// SPDX-License-Identifier: Apache-2.0
// GDeflate on any input. The first byte chooses: below 200 the rest is a chunk to decompress, behind three bytes of its original size, by
// vectors and by single turns, which must agree; from 200 on the rest is compressed at a level and must come back.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "kernels/codec/codec.h"
#include "kernels/isa.h"

namespace plumb::kernels {
namespace {

/// Large enough for a chunk of three pages, small enough to be quick.
constexpr std::size_t most_bytes = 150000;
constexpr int first_to_compress = 200;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

/// Empty where the chunk is refused.
std::vector<std::uint8_t> decompressed(codec::Worker& worker, codec::Bytes chunk, std::size_t size) {
    std::vector<std::uint8_t> out(size);
    try {
        worker.decompress(chunk, out);
    } catch (const base::Error& error) {
        require(error.kind() == base::ErrorKind::failed, "another error than damage");
        out.clear();
    }
    return out;
}

void decompress_any(codec::Worker& worker, codec::Bytes input) {
    if (input.size() < 3) return;
    const std::size_t size = (input[0] | input[1] << 8U | input[2] << 16U) % most_bytes;
    const codec::Bytes chunk = input.subspan(3);
    const Isa best = available_isas().back();
    set_isa(Isa::scalar);
    const std::vector<std::uint8_t> one_by_one = decompressed(worker, chunk, size);
    set_isa(best);
    require(decompressed(worker, chunk, size) == one_by_one, "vectors and single turns differ");
}

void round_trip(codec::Bytes data, int level) {
    const codec::Codec& gdeflate = codec::codec_named("gdeflate");
    codec::Options options;
    options.level = level;
    const auto worker = gdeflate.make(options);
    std::vector<std::uint8_t> room(gdeflate.bound(data.size()));
    const std::size_t size = worker->compress(data, room);
    const auto back = decompressed(*worker, codec::Bytes(room).first(size), data.size());
    require(std::vector<std::uint8_t>(data.begin(), data.end()) == back, "data does not come back");
}

}  // namespace
}  // namespace plumb::kernels

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plumb::kernels;
    if (size == 0) return 0;
    static const auto worker = codec::codec_named("gdeflate").make({});
    const codec::Bytes rest(data + 1, size - 1);
    if (data[0] < first_to_compress)
        decompress_any(*worker, rest);
    else
        round_trip(rest, (data[0] - first_to_compress) % 10);
    return 0;
}
