// SPDX-License-Identifier: Apache-2.0
// Codecs on single chunks: a table of what there is, and one worker's state to compress and decompress with. Chunks are independent of each
// other; nothing here splits, threads, times or stores sizes: the original size of a chunk is known to whoever decompresses it.
// To add a codec: a .cpp in this folder that defines its Codec, one line of the table in codecs.cpp. Tests and benchmarks walk the table.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::kernels::codec {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// What a typed codec takes its input for. Little-endian.
enum class Element { i8, u8, i16, u16, i32, u32, i64, u64 };
std::string_view name(Element element);
/// Throws usage with the eight names.
Element element_named(std::string_view name);
std::size_t size_of(Element element);

/// How to compress. A codec reads the members that it lists in Codec; the others must be empty.
struct Options {
    std::optional<int> level;
    std::optional<Element> element;
    std::optional<int> rle;       ///< run-length layers
    std::optional<int> delta;     ///< delta layers
    std::optional<bool> bitpack;  ///< frame-of-reference bit packing of what is left
    bool automatic = false;       ///< let the encoder choose element, rle, delta and bitpack
};

/// The state of one worker: contexts and scratch memory, reused from chunk to chunk. Not for two threads at once.
class Worker {
  public:
    virtual ~Worker() = default;
    /// Returns the compressed size. `out` holds at least Codec::bound(in.size()) bytes, otherwise throws usage. An empty input is allowed.
    /// The same input gives the same bytes, whatever was compressed before. Throws unsupported for an input above Codec::largest_chunk.
    virtual std::size_t compress(Bytes in, MutableBytes out) = 0;
    /// Writes exactly out.size() bytes, the original size. Throws failed when `in` is damaged or gives another size. plumb's own codecs
    /// read nothing outside `in` and take time in proportion to in.size() + out.size() for any input; foreign ones say in Codec::safe
    /// whether they do.
    virtual void decompress(Bytes in, MutableBytes out) = 0;
    /// Bytes held beside input and output: contexts, tables, buffers.
    virtual std::size_t scratch_bytes() const = 0;
};

/// The levels that a codec takes. The default is what its library recommends.
struct Levels {
    int low = 0;
    int high = 0;
    int normal = 0;
};

struct Codec {
    std::string name;     ///< as typed: "zstd"
    std::string summary;  ///< one sentence
    std::string library;  ///< "zstd 1.5.4", "plumb"; whose code runs
    std::string format;   ///< chunks of codecs with the same word can be read by each other: "lz4 block", "gdeflate"
    std::optional<Levels> levels;
    std::vector<Element> elements;  ///< those it takes; empty: it sees bytes
    std::optional<Element> normal_element;
    bool cascaded = false;  ///< takes rle, delta, bitpack and automatic
    bool safe = true;       ///< damaged input gives an error, never a crash
    std::size_t largest_chunk = 0;
    std::size_t alignment = 1;                          ///< `in` and `out` of both calls must start at a multiple of it
    std::string missing;                                ///< why it cannot run here ("not installed: deps/setup nvcomp"); empty: it can
    std::size_t (*bound)(std::size_t bytes) = nullptr;  ///< most bytes that `bytes` can become
    /// Whether a compressed chunk is the raw input in the codec's own wrapping; nullptr where the size alone tells (not below the input's).
    bool (*stored)(Bytes compressed, std::size_t original_bytes) = nullptr;
    /// Throws usage naming option, value and range for one that it does not take, missing where `missing` says so.
    std::unique_ptr<Worker> (*make)(const Options& options) = nullptr;
};

/// Every codec, also those that cannot run here; `memcpy` first.
const std::vector<Codec>& codecs();
/// Throws usage with the nearest name.
const Codec& codec_named(std::string_view name);
/// Checks `options` against what `codec` takes and fills in its defaults. Throws usage naming option, value and what is allowed.
Options complete(const Codec& codec, const Options& options);

}  // namespace plumb::kernels::codec
