// SPDX-License-Identifier: Apache-2.0
// Fuzzes cascaded: six bytes say what to do with the others.
//
//   byte 0   bit 0: decompress the others as a chunk, else compress and restore them; bit 1: automatic; bit 2: bit packing
//            bits 3 to 5: element; bit 6: without vectors
//   byte 1   bits 0 to 2: run-length layers; bits 3 and 4: delta layers; bit 5: decompress with a valid head in front
//   byte 2, 3   original size to ask for, times (byte 4) mod 16 + 1
//
// Held: decompressing gives bytes or an error of kind `failed`; what was compressed comes back, is within its bound and is the same on
// every instruction set.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/codec/codec.h"
#include "kernels/isa.h"

namespace plumb::kernels::codec {
namespace {

using ByteVector = std::vector<std::uint8_t>;
constexpr std::size_t control_bytes = 6;

void expect(bool holds) {
    if (!holds) std::abort();
}

Options options_of(const std::uint8_t* control) {
    Options options;
    options.automatic = (control[0] & 2) != 0;
    if (options.automatic) return options;
    options.bitpack = (control[0] & 4) != 0;
    options.element = static_cast<Element>(control[0] >> 3 & 7);
    options.rle = control[1] & 7;
    options.delta = control[1] >> 3 & 3;
    return options;
}

/// Bytes that claim to be a chunk of these options and this size, so that fuzzing need not guess the head.
ByteVector with_head(const std::uint8_t* control, std::uint32_t bytes, const ByteVector& rest) {
    ByteVector chunk = {static_cast<std::uint8_t>(control[1] & 7), static_cast<std::uint8_t>(control[1] >> 3 & 3),
                        static_cast<std::uint8_t>(control[0] >> 2 & 1), static_cast<std::uint8_t>(control[0] >> 3 & 7)};
    chunk.resize(8);
    std::memcpy(chunk.data() + 4, &bytes, sizeof(bytes));
    chunk.insert(chunk.end(), rest.begin(), rest.end());
    return chunk;
}

void decompress(const ByteVector& chunk, std::size_t bytes) {
    ByteVector out(bytes);
    try {
        codec_named("cascaded").make({})->decompress(chunk, out);
    } catch (const base::Error& error) {
        expect(error.kind() == base::ErrorKind::failed);
    }
}

ByteVector compress(const Options& options, const ByteVector& data, Isa isa) {
    set_isa(isa);
    const Codec& codec = codec_named("cascaded");
    ByteVector chunk(codec.bound(data.size()));
    const auto worker = codec.make(options);
    chunk.resize(worker->compress(data, chunk));
    chunk.shrink_to_fit();
    ByteVector restored(data.size());
    worker->decompress(chunk, restored);
    expect(restored == data);
    return chunk;
}

void run(const std::uint8_t* control, const ByteVector& rest) {
    const std::vector<Isa> isas = available_isas();
    set_isa((control[0] & 64) != 0 ? Isa::scalar : isas.back());
    if ((control[0] & 1) == 0) {
        const Options options = options_of(control);
        expect(compress(options, rest, Isa::scalar) == compress(options, rest, isas.back()));
        return;
    }
    const std::size_t bytes = (control[2] + 256U * control[3]) * (control[4] % 16 + 1U);
    decompress((control[1] & 32) != 0 ? with_head(control, static_cast<std::uint32_t>(bytes), rest) : rest, bytes);
}

}  // namespace
}  // namespace plumb::kernels::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plumb::kernels::codec;
    if (size >= control_bytes) run(data, ByteVector(data + control_bytes, data + size));
    return 0;
}
