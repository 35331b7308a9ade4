// SPDX-License-Identifier: Apache-2.0
// The table of nvCOMP's batched codecs, and those of its functions that answer without a GPU, called through plumb's own declarations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <map>

#include "base/error.h"
#include "kernels/codec/nvcomp_batched.h"
#include "kernels/codec/nvcomp_library.h"
#include "kernels/codec/nvcomp_options.h"

namespace plumb::kernels::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NvcompBatchedCodecs, AreTheEightOfVersionSixWithTheirLargestChunks) {
    std::vector<std::pair<std::string, std::size_t>> limits;
    for (const NvcompBatchedCodec& codec : nvcomp_batched_codecs()) limits.emplace_back(codec.facts.name, codec.facts.largest_chunk);
    constexpr std::size_t mib = 1048576;
    EXPECT_THAT(limits, ElementsAre(std::pair("nvcomp:lz4", 16 * mib), std::pair("nvcomp:snappy", 16 * mib),
                                    std::pair("nvcomp:zstd", 2048 * mib - 1), std::pair("nvcomp:gdeflate", 2048 * mib),
                                    std::pair("nvcomp:deflate", 2048 * mib), std::pair("nvcomp:cascaded", 16 * mib),
                                    std::pair("nvcomp:bitcomp", 16 * mib), std::pair("nvcomp:ans", 16 * mib)));
}

TEST(NvcompBatchedCodecs, CascadedOptionsBecomeItsFlags) {
    const NvcompBatchedCodec& codec = *nvcomp_batched_codec("nvcomp:cascaded");
    const auto layout = [&](const Options& options) {
        return std::bit_cast<nvcomp::CascadedCompression>(codec.compression(complete(codec, options)));
    };
    const nvcomp::CascadedCompression normal = layout({});
    EXPECT_EQ(normal.fine, nvcomp::fine_delta | nvcomp::fine_rle | nvcomp::fine_frame_of_reference);
    EXPECT_EQ(normal.level, 3);
    EXPECT_EQ(normal.common.data_type, 5) << "unsigned, four bytes";
    Options plain;
    plain.rle = plain.delta = 0;
    plain.level = 7;
    plain.element = Element::i64;
    EXPECT_EQ(layout(plain).fine, nvcomp::fine_frame_of_reference);
    EXPECT_EQ(layout(plain).level, 7);
    EXPECT_EQ(layout(plain).common.data_type, 6);
    Options unpacked;
    unpacked.bitpack = false;
    EXPECT_THROW(complete(codec, unpacked), base::Error);
}

TEST(NvcompBatchedCodecs, OneMissingFunctionMakesThemMissing) {
    const auto all = [](const char*) { return reinterpret_cast<void*>(nvcomp_version); };
    EXPECT_THAT(find_nvcomp_batched(all).missing, IsEmpty());
    const NvcompBatched lacking = find_nvcomp_batched(
        [&](const char* symbol) { return std::string(symbol) == "nvcompBatchedZstdDecompressAsync" ? nullptr : all(symbol); });
    EXPECT_EQ(lacking.missing, "this nvCOMP has no function nvcompBatchedZstdDecompressAsync");
}

class EveryNvcompCodec : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> names() {
    std::vector<std::string> made;
    for (const NvcompBatchedCodec& codec : nvcomp_batched_codecs()) made.push_back(codec.facts.name);
    return made;
}
std::string short_name(const ::testing::TestParamInfo<std::string>& codec) {
    return codec.param.substr(codec.param.find(':') + 1);
}
INSTANTIATE_TEST_SUITE_P(Codecs, EveryNvcompCodec, ::testing::ValuesIn(names()), short_name);

TEST_P(EveryNvcompCodec, AnswersWithoutAGpuWhatItsDocumentationSays) {
    if (!nvcomp_batched().missing.empty()) GTEST_SKIP() << nvcomp_batched().missing;
    const NvcompBatchedCodec& codec = *nvcomp_batched_codec(GetParam());
    const NvcompFunctions& functions = nvcomp_batched().codecs.at(GetParam());
    const NvcompOptions options = codec.compression(complete(codec, {}));
    for (const auto& [ask, given] :
         {std::pair(functions.compress_alignments, options), std::pair(functions.decompress_alignments, codec.decompression)}) {
        NvcompAlignments alignments{0, 0, 0};
        ASSERT_EQ(ask(given, &alignments), 0);
        for (const std::size_t alignment : {alignments.input, alignments.output, alignments.temp}) {
            EXPECT_TRUE(std::has_single_bit(alignment)) << alignment;
            EXPECT_LE(alignment, 16u) << "the largest constant of the headers";
        }
    }
    std::size_t small = 0, large = 0, too_large = 0;
    ASSERT_EQ(functions.compressed_bound(4000, options, &small), 0);
    ASSERT_EQ(functions.compressed_bound(codec.facts.largest_chunk, options, &large), 0);
    EXPECT_GE(small, 4000u);
    EXPECT_GE(large, codec.facts.largest_chunk);
    if (codec.facts.largest_chunk == 16u << 20) {
        const NvcompStatus status = functions.compressed_bound(codec.facts.largest_chunk + 1, options, &too_large);
        EXPECT_EQ(nvcomp_status_name(status), "nvcompErrorChunkSizeTooLarge");
    }
}

TEST(InstalledNvcomp, ReadsTheOptionsWhereTheyAreWritten) {
    if (!nvcomp_batched().missing.empty()) GTEST_SKIP() << nvcomp_batched().missing;
    // Where each codec keeps a number that its alignments follow from; it refuses one that nothing has.
    const std::map<std::string, std::size_t> places = {
        {"nvcomp:lz4", offsetof(nvcomp::Lz4Compression, data_type)},
        {"nvcomp:gdeflate", offsetof(nvcomp::DeflateCompression, algorithm)},
        {"nvcomp:deflate", offsetof(nvcomp::DeflateCompression, algorithm)},
        {"nvcomp:cascaded", offsetof(nvcomp::CascadedCompression, common)},
        {"nvcomp:bitcomp", offsetof(nvcomp::BitcompCompression, data_type)},
        {"nvcomp:ans", offsetof(nvcomp::AnsCompression, data_type)},
    };
    for (const auto& [name, place] : places) {
        const NvcompBatchedCodec& codec = *nvcomp_batched_codec(name);
        NvcompOptions options = codec.compression(complete(codec, {}));
        NvcompAlignments alignments;
        const auto ask = nvcomp_batched().codecs.at(name).compress_alignments;
        EXPECT_EQ(ask(options, &alignments), 0) << name;
        constexpr int nonsense = 77;
        std::memcpy(options.bytes.data() + place, &nonsense, sizeof nonsense);
        EXPECT_EQ(nvcomp_status_name(ask(options, &alignments)), "nvcompErrorNotSupported") << name;
    }
}

TEST(NvcompStatusNames, CoverWhatTheLibraryReturns) {
    EXPECT_EQ(nvcomp_status_name(0), "nvcompSuccess");
    EXPECT_EQ(nvcomp_status_name(12), "nvcompErrorCannotDecompress");
    EXPECT_EQ(nvcomp_status_name(-1), "unknown status");
}

}  // namespace
}  // namespace plumb::kernels::codec
