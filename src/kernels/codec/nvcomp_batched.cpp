// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/nvcomp_batched.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/codec/nvcomp_library.h"
#include "kernels/codec/nvcomp_options.h"

namespace plumb::kernels::codec {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t two_gibibytes = std::size_t{1} << 31;
constexpr Levels deflate_algorithms = {.low = 0, .high = 5, .normal = 1};

const std::vector<Element>& integers() {
    static const std::vector<Element> all = {Element::i8,  Element::u8,  Element::i16, Element::u16,
                                             Element::i32, Element::u32, Element::i64, Element::u64};
    return all;
}

NvcompBatchedCodec codec(const std::string& name, const std::string& symbol, const std::string& format, std::size_t largest_chunk,
                         const std::string& summary) {
    NvcompBatchedCodec made;
    made.facts.name = "nvcomp:" + name;
    made.facts.summary = summary;
    // Not the code of nvCOMP's host functions: those may check what a GPU wrote.
    made.facts.library = nvcomp_version() + " on a GPU";
    made.facts.format = format;
    made.facts.safe = false;
    made.facts.largest_chunk = largest_chunk;
    made.symbol = symbol;
    made.compression = [](const Options&) { return nvcomp::packed(nvcomp::NoOptions{}); };
    made.decompression = nvcomp::packed(nvcomp::BackendOptions{});
    return made;
}

NvcompBatchedCodec lz4() {
    NvcompBatchedCodec made = codec("lz4", "LZ4", "lz4 block", 16 * mebibyte, "LZ4 on a GPU. Matches are whole elements.");
    made.facts.elements = {Element::i8, Element::u8, Element::i16, Element::u16, Element::i32, Element::u32};
    made.facts.normal_element = Element::i8;
    made.compression = [](const Options& options) {
        return nvcomp::packed(nvcomp::Lz4Compression{.data_type = nvcomp::type_of(*options.element)});
    };
    made.decompression = nvcomp::packed(nvcomp::Lz4Decompression{});
    return made;
}

NvcompBatchedCodec deflate(const std::string& name, const std::string& symbol, const std::string& format, const std::string& summary) {
    NvcompBatchedCodec made =
        codec(name, symbol, format, two_gibibytes, summary + " Level 0 codes entropy alone, 1 is the fast one, 5 the thorough one.");
    made.facts.levels = deflate_algorithms;
    made.compression = [](const Options& options) { return nvcomp::packed(nvcomp::DeflateCompression{.algorithm = *options.level}); };
    return made;
}

NvcompBatchedCodec cascaded() {
    NvcompBatchedCodec made = codec("cascaded", "Cascaded", "nvcomp 6 cascaded", 16 * mebibyte,
                                    "nvCOMP's run lengths (rle=0, 1), differences (delta=0, 1) and bit packing on a GPU.");
    made.facts.levels = {.low = 0, .high = 7, .normal = 3};
    made.facts.elements = integers();
    made.facts.normal_element = Element::u32;
    made.compression = [](const Options& options) {
        nvcomp::CascadedCompression layout;
        layout.common = {nvcomp::type_of(*options.element), nvcomp::cascaded_asymmetric, nvcomp::cascaded_bitpack, 0};
        layout.fine = nvcomp::fine_frame_of_reference;
        if (*options.rle == 1) layout.fine |= nvcomp::fine_rle;
        if (*options.delta == 1) layout.fine |= nvcomp::fine_delta;
        layout.level = static_cast<std::uint8_t>(*options.level);
        return nvcomp::packed(layout);
    };
    made.decompression = nvcomp::packed(nvcomp::CascadedDecompression{});
    return made;
}

NvcompBatchedCodec bitcomp() {
    NvcompBatchedCodec made =
        codec("bitcomp", "Bitcomp", "nvcomp 6 bitcomp", 16 * mebibyte,
              "Bitcomp on a GPU, lossless. Level 0 is its default algorithm, 1 the one for data that is mostly zero.");
    made.facts.levels = {.low = 0, .high = 1, .normal = 0};
    made.facts.elements = integers();
    made.facts.normal_element = Element::u8;
    made.compression = [](const Options& options) {
        return nvcomp::packed(nvcomp::BitcompCompression{.algorithm = *options.level, .data_type = nvcomp::type_of(*options.element)});
    };
    return made;
}

NvcompBatchedCodec ans() {
    NvcompBatchedCodec made =
        codec("ans", "ANS", "nvcomp 6 ans", 16 * mebibyte, "nvCOMP's interleaved rANS on a GPU: entropy coding alone.");
    made.compression = [](const Options&) { return nvcomp::packed(nvcomp::AnsCompression{}); };
    made.decompression = nvcomp::packed(nvcomp::AnsDecompression{});
    return made;
}

/// nvCOMP 6 takes each layer of Cascaded once or not at all, and always packs bits.
void complete_cascaded(const NvcompBatchedCodec& codec, Options& options) {
    const auto once = [&](std::optional<int>& layers, const std::string& option) {
        if (!layers) layers = 1;
        if (*layers != 0 && *layers != 1) {
            throw base::Error(base::ErrorKind::usage,
                              option + "=" + std::to_string(*layers) + " is out of range for codec '" + codec.facts.name + "'",
                              "allowed: 0, 1; its level says how many stages are tried");
        }
    };
    once(options.rle, "rle");
    once(options.delta, "delta");
    if (options.bitpack == false) {
        throw base::Error(base::ErrorKind::usage, "codec '" + codec.facts.name + "' does nothing without bit packing",
                          "leave out bitpack=no");
    }
    options.bitpack = true;
}

template <class Function>
void take(NvcompBatched& batched, const std::function<void*(const char*)>& find, Function*& member, const std::string& symbol) {
    member = reinterpret_cast<Function*>(find(symbol.c_str()));
    if (member == nullptr && batched.missing.empty()) batched.missing = "this nvCOMP has no function " + symbol;
}

}  // namespace

const std::vector<NvcompBatchedCodec>& nvcomp_batched_codecs() {
    static const std::vector<NvcompBatchedCodec> table = {
        lz4(),
        codec("snappy", "Snappy", "snappy block", 16 * mebibyte, "Snappy on a GPU."),
        codec("zstd", "Zstd", "zstd frame", two_gibibytes - 1, "Zstandard on a GPU, without levels."),
        deflate("gdeflate", "Gdeflate", "gdeflate", "GDeflate on a GPU: DEFLATE dealt out to 32 interleaved streams."),
        deflate("deflate", "Deflate", "deflate", "DEFLATE without a header on a GPU."),
        cascaded(),
        bitcomp(),
        ans(),
    };
    return table;
}

const NvcompBatchedCodec* nvcomp_batched_codec(std::string_view name) {
    const auto& all = nvcomp_batched_codecs();
    const auto found = std::ranges::find_if(all, [&](const NvcompBatchedCodec& each) { return each.facts.name == name; });
    return found == all.end() ? nullptr : &*found;
}

Options complete(const NvcompBatchedCodec& codec, const Options& options) {
    if (codec.symbol != "Cascaded") return complete(codec.facts, options);
    Options layers = options;
    complete_cascaded(codec, layers);
    Options rest = options;
    rest.rle = rest.delta = std::nullopt;
    rest.bitpack = std::nullopt;
    Options completed = complete(codec.facts, rest);
    completed.rle = layers.rle;
    completed.delta = layers.delta;
    completed.bitpack = layers.bitpack;
    return completed;
}

NvcompBatched find_nvcomp_batched(const std::function<void*(const char* symbol)>& find) {
    NvcompBatched batched;
    for (const NvcompBatchedCodec& codec : nvcomp_batched_codecs()) {
        const std::string prefix = "nvcompBatched" + codec.symbol;
        NvcompFunctions& functions = batched.codecs[codec.facts.name];
        take(batched, find, functions.compress_alignments, prefix + "CompressGetRequiredAlignments");
        // The form that looks at the chunks: the other one asks for hundreds of megabytes for any input of Zstd.
        take(batched, find, functions.compress_temp_bytes, prefix + "CompressGetTempSizeSync");
        take(batched, find, functions.compressed_bound, prefix + "CompressGetMaxOutputChunkSize");
        take(batched, find, functions.compress, prefix + "CompressAsync");
        take(batched, find, functions.decompress_alignments, prefix + "DecompressGetRequiredAlignments");
        // The form that does not: what one compression needs to be decompressed may not be enough for the next.
        take(batched, find, functions.decompress_temp_bytes, prefix + "DecompressGetTempSize");
        take(batched, find, functions.decompress, prefix + "DecompressAsync");
    }
    return batched;
}

const NvcompBatched& nvcomp_batched() {
    static const NvcompBatched found = [] {
        const NvcompLibrary& library = NvcompLibrary::main();
        NvcompBatched batched = find_nvcomp_batched([&](const char* symbol) { return library.find(symbol); });
        if (!library.missing().empty()) batched.missing = library.missing();
        return batched;
    }();
    return found;
}

std::string_view nvcomp_status_name(NvcompStatus status) {
    static const std::map<NvcompStatus, std::string_view> names = {
        {0, "nvcompSuccess"},
        {10, "nvcompErrorInvalidValue"},
        {11, "nvcompErrorNotSupported"},
        {12, "nvcompErrorCannotDecompress"},
        {13, "nvcompErrorBadChecksum"},
        {14, "nvcompErrorCannotVerifyChecksums"},
        {15, "nvcompErrorOutputBufferTooSmall"},
        {16, "nvcompErrorWrongHeaderLength"},
        {17, "nvcompErrorAlignment"},
        {18, "nvcompErrorChunkSizeTooLarge"},
        {19, "nvcompErrorCannotCompress"},
        {20, "nvcompErrorWrongInputLength"},
        {21, "nvcompErrorBatchSizeTooLarge"},
        {22, "nvcompErrorSubChunkCountTooLarge"},
        {23, "nvcompErrorSubChunkCountTooSmall"},
        {24, "nvcompErrorOutputBufferAlignmentTooSmall"},
        {1000, "nvcompErrorCudaError"},
        {10000, "nvcompErrorInternal"},
    };
    const auto found = names.find(status);
    return found == names.end() ? "unknown status" : found->second;
}

}  // namespace plumb::kernels::codec
