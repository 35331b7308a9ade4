// SPDX-License-Identifier: Apache-2.0
// plumb's declarations of nvCOMP's batched codecs against its own headers, and against the library that this program is linked with.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <nvcomp.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/codec/nvcomp_batched.h"
#include "kernels/codec/nvcomp_options.h"
#include "nvcomp/abi.h"

namespace plumb::kernels::codec {
namespace {

/// plumb's table, filled from the library that this program is linked with.
const NvcompBatched& table() {
    static const NvcompBatched found = find_nvcomp_batched([](const char* symbol) { return dlsym(RTLD_DEFAULT, symbol); });
    return found;
}

// What the header of one codec says, in its own words.
#define PLUMB_CHECK(codec, member, function)                                                                          \
    static_assert(test::alike_functions<decltype(NvcompFunctions::member), decltype(nvcompBatched##codec##function)>, \
                  "differs: " #function);                                                                             \
    EXPECT_EQ(reinterpret_cast<void*>(functions.member), reinterpret_cast<void*>(nvcompBatched##codec##function)) << #codec #function
#define PLUMB_CHECK_CODEC(codec)                                                                                         \
    do {                                                                                                                 \
        const NvcompFunctions& functions = table().codecs.at(by_symbol(#codec).facts.name);                              \
        PLUMB_CHECK(codec, compress_alignments, CompressGetRequiredAlignments);                                          \
        PLUMB_CHECK(codec, compress_temp_bytes, CompressGetTempSizeSync);                                                \
        PLUMB_CHECK(codec, compressed_bound, CompressGetMaxOutputChunkSize);                                             \
        PLUMB_CHECK(codec, compress, CompressAsync);                                                                     \
        PLUMB_CHECK(codec, decompress_alignments, DecompressGetRequiredAlignments);                                      \
        PLUMB_CHECK(codec, decompress_temp_bytes, DecompressGetTempSize);                                                \
        PLUMB_CHECK(codec, decompress, DecompressAsync);                                                                 \
        expect_defaults(#codec, nvcompBatched##codec##CompressDefaultOpts, nvcompBatched##codec##DecompressDefaultOpts); \
        EXPECT_EQ(by_symbol(#codec).facts.largest_chunk, nvcomp##codec##CompressionMaxAllowedChunkSize) << #codec;       \
    } while (false)

const NvcompBatchedCodec& by_symbol(const std::string& symbol) {
    for (const NvcompBatchedCodec& codec : nvcomp_batched_codecs()) {
        if (codec.symbol == symbol) return codec;
    }
    throw std::out_of_range(symbol);
}

/// plumb's defaults are nvCOMP's, byte for byte, but for the backend, which is said.
template <class Compression, class Decompression>
void expect_defaults(const std::string& symbol, const Compression& compression, Decompression decompression) {
    const NvcompBatchedCodec& codec = by_symbol(symbol);
    const NvcompOptions own = codec.compression(complete(codec, {}));
    EXPECT_EQ(std::memcmp(&own, &compression, sizeof own), 0) << symbol << " compression";
    decompression.backend = NVCOMP_DECOMPRESS_BACKEND_CUDA;
    // By members, since the compiler may leave anything in gaps.
    Decompression mine;
    std::memcpy(static_cast<void*>(&mine), &codec.decompression, sizeof mine);
    EXPECT_EQ(mine.backend, decompression.backend) << symbol;
    EXPECT_EQ(std::memcmp(mine.reserved, decompression.reserved, sizeof mine.reserved), 0) << symbol << " decompression";
    if constexpr (requires { mine.data_type; }) {
        EXPECT_EQ(mine.data_type, decompression.data_type) << symbol;
    }
    if constexpr (requires { mine.common_opts; }) {
        EXPECT_EQ(mine.common_opts.data_type, decompression.common_opts.data_type);
        EXPECT_EQ(mine.common_opts.mode, decompression.common_opts.mode);
    }
}

TEST(NvcompHeader, DeclaresEveryFunctionAsPlumbCallsIt) {
    PLUMB_CHECK_CODEC(LZ4);
    PLUMB_CHECK_CODEC(Snappy);
    PLUMB_CHECK_CODEC(Zstd);
    PLUMB_CHECK_CODEC(Gdeflate);
    PLUMB_CHECK_CODEC(Deflate);
    PLUMB_CHECK_CODEC(Cascaded);
    PLUMB_CHECK_CODEC(Bitcomp);
    PLUMB_CHECK_CODEC(ANS);
    EXPECT_EQ(table().missing, "");
    EXPECT_EQ(table().codecs.size(), 8u) << "a codec is not compared here";
    static_assert(sizeof(NvcompFunctions) == 7 * sizeof(void*), "a function is not compared here");
}

TEST(NvcompHeader, IsOfTheVersionThatIsLinked) {
    nvcompProperties_t properties{};
    ASSERT_EQ(nvcompGetProperties(&properties), nvcompSuccess);
    EXPECT_EQ(properties.version, std::uint32_t{NVCOMP_VER});
    EXPECT_EQ(NVCOMP_VER_MAJOR, 6) << "plumb's layouts are those of version 6";
}

TEST(NvcompHeader, LaysOptionsOutAsPlumbDoes) {
    using namespace nvcomp;
    static_assert(offsetof(nvcompBatchedLZ4CompressOpts_t, data_type) == offsetof(Lz4Compression, data_type));
    static_assert(offsetof(nvcompBatchedLZ4CompressOpts_t, bitshuffle_mode) == offsetof(Lz4Compression, bitshuffle));
    static_assert(offsetof(nvcompBatchedLZ4DecompressOpts_t, data_type) == offsetof(Lz4Decompression, data_type));
    static_assert(offsetof(nvcompBatchedLZ4DecompressOpts_t, bitshuffle_mode) == offsetof(Lz4Decompression, bitshuffle));
    static_assert(offsetof(nvcompBatchedDeflateCompressOpts_t, algorithm) == offsetof(DeflateCompression, algorithm));
    static_assert(offsetof(nvcompBatchedGdeflateCompressOpts_t, algorithm) == offsetof(DeflateCompression, algorithm));
    static_assert(offsetof(nvcompCascadedCommonOpts_t, data_type) == offsetof(CascadedCommon, data_type));
    static_assert(offsetof(nvcompCascadedCommonOpts_t, mode) == offsetof(CascadedCommon, mode));
    static_assert(offsetof(nvcompCascadedCommonOpts_t, terminal_codec_flags) == offsetof(CascadedCommon, terminal));
    static_assert(offsetof(nvcompCascadedCommonOpts_t, coarse_grained_encoding_flags) == offsetof(CascadedCommon, coarse));
    static_assert(offsetof(nvcompBatchedCascadedCompressOpts_t, fine_grained_encoding_flags) == offsetof(CascadedCompression, fine));
    static_assert(offsetof(nvcompBatchedCascadedCompressOpts_t, compression_level) == offsetof(CascadedCompression, level));
    static_assert(offsetof(nvcompBatchedCascadedDecompressOpts_t, common_opts) == offsetof(CascadedDecompression, common));
    static_assert(offsetof(nvcompBatchedBitcompCompressOpts_t, algorithm) == offsetof(BitcompCompression, algorithm));
    static_assert(offsetof(nvcompBatchedBitcompCompressOpts_t, data_type) == offsetof(BitcompCompression, data_type));
    static_assert(offsetof(nvcompBatchedBitcompCompressOpts_t, delta) == offsetof(BitcompCompression, delta));
    static_assert(offsetof(nvcompBatchedBitcompCompressOpts_t, mode) == offsetof(BitcompCompression, mode));
    static_assert(offsetof(nvcompBatchedANSCompressOpts_t, data_type) == offsetof(AnsCompression, data_type));
    static_assert(offsetof(nvcompBatchedANSCompressOpts_t, states_per_lane) == offsetof(AnsCompression, states));
    static_assert(offsetof(nvcompBatchedANSDecompressOpts_t, data_type) == offsetof(AnsDecompression, data_type));
    static_assert(offsetof(nvcompBatchedANSDecompressOpts_t, skip_validate) == offsetof(AnsDecompression, skip_validation));
    static_assert(sizeof(nvcompAlignmentRequirements_t) == sizeof(NvcompAlignments));
    static_assert(offsetof(nvcompAlignmentRequirements_t, output) == offsetof(NvcompAlignments, output));
    static_assert(offsetof(nvcompAlignmentRequirements_t, temp) == offsetof(NvcompAlignments, temp));
}

TEST(NvcompHeader, CountsAsPlumbDoes) {
    using namespace nvcomp;
    EXPECT_EQ(NVCOMP_TYPE_CHAR, type_of(Element::i8));
    EXPECT_EQ(NVCOMP_TYPE_UCHAR, type_of(Element::u8));
    EXPECT_EQ(NVCOMP_TYPE_SHORT, type_of(Element::i16));
    EXPECT_EQ(NVCOMP_TYPE_USHORT, type_of(Element::u16));
    EXPECT_EQ(NVCOMP_TYPE_INT, type_of(Element::i32));
    EXPECT_EQ(NVCOMP_TYPE_UINT, type_of(Element::u32));
    EXPECT_EQ(NVCOMP_TYPE_LONGLONG, type_of(Element::i64));
    EXPECT_EQ(NVCOMP_TYPE_ULONGLONG, type_of(Element::u64));
    EXPECT_EQ(NVCOMP_TYPE_BITS, type_unknown);
    EXPECT_EQ(NVCOMP_CASCADED_MODE_ASYMMETRIC, cascaded_asymmetric);
    EXPECT_EQ(std::uint64_t{NVCOMP_CASCADED_TERMINAL_CODEC_CASCADED_BITPACK}, cascaded_bitpack);
    EXPECT_EQ(std::uint64_t{NVCOMP_CASCADED_FINE_GRAINED_ENCODING_DELTA}, fine_delta);
    EXPECT_EQ(std::uint64_t{NVCOMP_CASCADED_FINE_GRAINED_ENCODING_RLE}, fine_rle);
    EXPECT_EQ(std::uint64_t{NVCOMP_CASCADED_FINE_GRAINED_ENCODING_FOR}, fine_frame_of_reference);
    EXPECT_EQ(BITCOMP_LOSSLESS, 0);
#define PLUMB_CHECK_STATUS(status) EXPECT_EQ(nvcomp_status_name(status), #status)
    PLUMB_CHECK_STATUS(nvcompSuccess);
    PLUMB_CHECK_STATUS(nvcompErrorInvalidValue);
    PLUMB_CHECK_STATUS(nvcompErrorNotSupported);
    PLUMB_CHECK_STATUS(nvcompErrorCannotDecompress);
    PLUMB_CHECK_STATUS(nvcompErrorBadChecksum);
    PLUMB_CHECK_STATUS(nvcompErrorCannotVerifyChecksums);
    PLUMB_CHECK_STATUS(nvcompErrorOutputBufferTooSmall);
    PLUMB_CHECK_STATUS(nvcompErrorWrongHeaderLength);
    PLUMB_CHECK_STATUS(nvcompErrorAlignment);
    PLUMB_CHECK_STATUS(nvcompErrorChunkSizeTooLarge);
    PLUMB_CHECK_STATUS(nvcompErrorCannotCompress);
    PLUMB_CHECK_STATUS(nvcompErrorWrongInputLength);
    PLUMB_CHECK_STATUS(nvcompErrorBatchSizeTooLarge);
    PLUMB_CHECK_STATUS(nvcompErrorSubChunkCountTooLarge);
    PLUMB_CHECK_STATUS(nvcompErrorSubChunkCountTooSmall);
    PLUMB_CHECK_STATUS(nvcompErrorOutputBufferAlignmentTooSmall);
    PLUMB_CHECK_STATUS(nvcompErrorCudaError);
    PLUMB_CHECK_STATUS(nvcompErrorInternal);
}

}  // namespace
}  // namespace plumb::kernels::codec
