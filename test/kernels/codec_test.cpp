// SPDX-License-Identifier: Apache-2.0
// What every codec of the table promises: exact round trips, the same bytes every time, bounds that hold, errors that name what is wrong.
#include "kernels/codec/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/codec_cases.h"

namespace plumb::kernels::codec {
namespace {

using test::all_data;
using test::automatic;
using test::ByteVector;
using test::compressed;
using test::Data;
using test::decompressed;
using test::make_data;
using test::with;
using testing::HasSubstr;

constexpr std::uint64_t seed = 20261124;

class EveryCodec : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        codec_ = &codec_named(GetParam());
        if (!codec_->missing.empty()) GTEST_SKIP() << codec_->name << ": " << codec_->missing;
    }
    const Codec& codec() const { return *codec_; }

    /// Low, normal and high level where there are levels, and each element where there are elements.
    std::vector<Options> options() const {
        std::vector<Options> all = {{}};
        if (codec().levels) {
            all.push_back(with(&Options::level, codec().levels->low));
            all.push_back(with(&Options::level, codec().levels->high));
        }
        for (const Element element : codec().elements) all.push_back(with(&Options::element, element));
        if (codec().cascaded) all.push_back(automatic());
        return all;
    }
    std::vector<std::size_t> sizes() const {
        std::vector<std::size_t> all(test::edge_sizes.begin(), test::edge_sizes.end());
        all.insert(all.end(), {65536, 1 << 20});
        std::erase_if(all, [&](std::size_t size) { return size > codec().largest_chunk; });
        return all;
    }

  private:
    const Codec* codec_ = nullptr;
};

/// Damaged input gives an error, never a crash.
class SafeCodec : public EveryCodec {};
class CompressingCodec : public EveryCodec {};
class AligningCodec : public EveryCodec {};
/// A limit that memory can reach.
class LimitedCodec : public EveryCodec {};

std::string text(const Options& options) {
    std::string out;
    if (options.level) out += " level=" + std::to_string(*options.level);
    if (options.element) out += " element=" + std::string(name(*options.element));
    if (options.automatic) out += " automatic";
    return out.empty() ? " defaults" : out;
}

template <class Action>
base::Error error_of(Action action) {
    try {
        action();
    } catch (const base::Error& error) {
        return error;
    }
    return {base::ErrorKind::internal, "no error"};
}

TEST_P(EveryCodec, RestoresEveryKindOfDataOfEveryEdgeSize) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const Options& options : options()) {
        const auto worker = codec().make(options);
        for (const std::size_t size : sizes()) {
            for (const Data kind : all_data) {
                const ByteVector data = make_data(kind, size, seed);
                const ByteVector chunk = compressed(codec(), *worker, data);
                ASSERT_LE(chunk.size(), codec().bound(size));
                ASSERT_TRUE(decompressed(*worker, chunk, size) == data) << text(options) << " " << test::text(kind) << " " << size;
            }
        }
    }
}

TEST_P(EveryCodec, WritesTheSameBytesWhateverItCompressedBefore) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const Options& options : options()) {
        const auto used = codec().make(options);
        for (const std::size_t size : {std::size_t{40000}, std::size_t{4000}, std::size_t{65536}, std::size_t{1}}) {
            for (const Data kind : all_data) {
                const ByteVector data = make_data(kind, size, seed);
                ASSERT_TRUE(compressed(codec(), *used, data) == compressed(codec(), *codec().make(options), data))
                    << text(options) << " " << test::text(kind) << " " << size;
            }
        }
    }
}

TEST_P(EveryCodec, WritesTheSameBytesForAnyRoom) {
    const auto worker = codec().make({});
    for (const Data kind : all_data) {
        const ByteVector data = make_data(kind, 10000, seed);
        ByteVector room(codec().bound(data.size()) + 100000, 0x77);
        const std::size_t size = worker->compress(data, room);
        const ByteVector chunk(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_TRUE(chunk == compressed(codec(), *worker, data)) << test::text(kind);
        EXPECT_TRUE(std::all_of(room.begin() + static_cast<std::ptrdiff_t>(codec().bound(data.size())), room.end(),
                                [](std::uint8_t byte) { return byte == 0x77; }));
    }
}

TEST_P(CompressingCodec, MakesZerosSmaller) {
    const auto worker = codec().make({});
    EXPECT_LT(compressed(codec(), *worker, ByteVector(65536)).size(), 65536U / 4);
}

TEST_P(EveryCodec, RefusesToDecompressToAnotherSize) {
    const auto worker = codec().make({});
    for (const Data kind : all_data) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{50000}}) {
            const ByteVector chunk = compressed(codec(), *worker, make_data(kind, size, seed));
            for (const std::size_t wrong : {size - 1, size + 1, 2 * size, size + 9000, std::size_t{0}}) {
                if (wrong == size) continue;
                const base::Error error = error_of([&] { decompressed(*worker, chunk, wrong); });
                EXPECT_EQ(error.kind(), base::ErrorKind::failed) << test::text(kind) << " " << size << " as " << wrong;
                EXPECT_THAT(error.what(), HasSubstr(codec().name));
            }
        }
    }
}

TEST_P(SafeCodec, ReportsEveryTruncation) {
    const auto worker = codec().make({});
    for (const Data kind : all_data) {
        const ByteVector whole = compressed(codec(), *worker, make_data(kind, 5000, seed));
        for (std::size_t size = 0; size < whole.size(); size += size < 64 ? 1 : 13) {
            const ByteVector chunk(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            ASSERT_EQ(error_of([&] { decompressed(*worker, chunk, 5000); }).kind(), base::ErrorKind::failed)
                << test::text(kind) << " cut to " << size << " of " << whole.size();
        }
    }
}

TEST_P(SafeCodec, ReportsBytesBehindTheChunk) {
    const auto worker = codec().make({});
    for (const Data kind : all_data) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{5000}}) {
            ByteVector chunk = compressed(codec(), *worker, make_data(kind, size, seed));
            chunk.push_back(0);
            EXPECT_EQ(error_of([&] { decompressed(*worker, chunk, size); }).kind(), base::ErrorKind::failed) << test::text(kind) << size;
        }
    }
}

/// A flipped bit may go unseen where a format has no checksum; it must not do more harm than wrong bytes.
TEST_P(SafeCodec, SurvivesFlippedBits) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "flips");
    const auto worker = codec().make({});
    for (const Data kind : all_data) {
        const ByteVector data = make_data(kind, 3000, seed);
        const ByteVector whole = compressed(codec(), *worker, data);
        for (std::uint64_t trial = 0; trial < 400; ++trial) {
            ByteVector chunk = whole;
            for (std::uint64_t flip = 0; flip <= trial % 3; ++flip) {
                const std::uint64_t bit = random.below(10 * trial + flip, 8 * chunk.size());
                chunk[bit / 8] = static_cast<std::uint8_t>(chunk[bit / 8] ^ (1U << bit % 8));
            }
            const base::Error error = error_of([&] { decompressed(*worker, chunk, data.size()); });
            EXPECT_TRUE(error.kind() == base::ErrorKind::failed || std::string(error.what()) == "no error") << error.what();
        }
        EXPECT_TRUE(decompressed(*worker, whole, data.size()) == data) << "a damaged chunk spoils the worker";
    }
}

TEST_P(EveryCodec, RefusesTooLittleRoom) {
    const auto worker = codec().make({});
    const ByteVector data = make_data(Data::zeros, 1000, seed);
    ByteVector room(codec().bound(data.size()) - 1);
    const base::Error error = error_of([&] { worker->compress(data, room); });
    EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    EXPECT_THAT(error.hint(), HasSubstr(std::to_string(codec().bound(data.size()))));
}

TEST_P(LimitedCodec, RefusesChunksAboveItsLimitBeforeItReadsThem) {
    const auto worker = codec().make({});
    const ByteVector data(8);
    const base::Error error = error_of([&] { worker->compress({data.data(), codec().largest_chunk + 1}, {}); });
    EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
    EXPECT_THAT(error.hint(), HasSubstr(std::to_string(codec().largest_chunk)));
}

TEST_P(AligningCodec, RefusesAddressesBelowItsAlignment) {
    const auto worker = codec().make({});
    ByteVector data(1000);
    ByteVector room(codec().bound(900) + 8);
    EXPECT_EQ(error_of([&] { worker->compress({data.data() + 1, 900}, room); }).kind(), base::ErrorKind::usage);
    EXPECT_EQ(error_of([&] { worker->compress({data.data(), 900}, {room.data() + 1, room.size() - 1}); }).kind(), base::ErrorKind::usage);
}

TEST_P(EveryCodec, CountsItsScratchMemoryOnceItIsUsed) {
    const auto worker = codec().make({});
    const ByteVector data = make_data(Data::text, 60000, seed);
    const ByteVector chunk = compressed(codec(), *worker, data);
    decompressed(*worker, chunk, data.size());
    if (codec().format == "raw") {
        EXPECT_EQ(worker->scratch_bytes(), 0U);
    } else {
        EXPECT_GT(worker->scratch_bytes(), 0U);
    }
    EXPECT_LT(worker->scratch_bytes(), std::size_t{64} << 20);
}

TEST_P(EveryCodec, ReadsWhatOthersWriteInItsFormat) {
    const auto reader = codec().make({});
    for (const Codec& other : codecs()) {
        if (&other == &codec() || other.format != codec().format || !other.missing.empty()) continue;
        const auto writer = other.make({});
        for (const Data kind : all_data) {
            for (const std::size_t size : {std::size_t{1}, std::size_t{4000}, std::size_t{65536}}) {
                const ByteVector data = make_data(kind, size, seed);
                EXPECT_TRUE(decompressed(*reader, compressed(other, *writer, data), size) == data)
                    << other.name << " " << test::text(kind) << " " << size;
            }
        }
    }
}

TEST_P(EveryCodec, NamesAnOptionThatItDoesNotTake) {
    const auto refused = [&](const Options& options) { return error_of([&] { codec().make(options); }); };
    if (codec().levels) {
        const base::Error error = refused(with(&Options::level, codec().levels->high + 1));
        EXPECT_EQ(error.kind(), base::ErrorKind::usage);
        EXPECT_THAT(error.what(), HasSubstr("level=" + std::to_string(codec().levels->high + 1)));
        EXPECT_THAT(error.hint(), HasSubstr(std::to_string(codec().levels->low) + " to " + std::to_string(codec().levels->high)));
        EXPECT_EQ(refused(with(&Options::level, codec().levels->low - 1)).kind(), base::ErrorKind::usage);
    } else {
        EXPECT_THAT(refused(with(&Options::level, 1)).what(), HasSubstr("'level'"));
    }
    if (codec().elements.empty()) {
        EXPECT_THAT(refused(with(&Options::element, Element::u8)).what(), HasSubstr("'element'"));
    }
    if (codec().cascaded) {
        EXPECT_THAT(refused(with(&Options::rle, 8)).what(), HasSubstr("rle=8"));
        EXPECT_THAT(refused(with(&Options::delta, 4)).hint(), HasSubstr("0 to 3"));
        EXPECT_THAT(refused(with(&Options::element, Element::u8, automatic())).what(), HasSubstr("element"));
        EXPECT_THAT(refused(with(&Options::rle, 1, automatic())).what(), HasSubstr("rle"));
    } else {
        EXPECT_THAT(refused(with(&Options::rle, 1)).what(), HasSubstr("'rle'"));
        EXPECT_THAT(refused(with(&Options::delta, 1)).what(), HasSubstr("'delta'"));
        EXPECT_THAT(refused(with(&Options::bitpack, true)).what(), HasSubstr("'bitpack'"));
        EXPECT_THAT(refused(automatic()).what(), HasSubstr("'automatic'"));
    }
}

TEST_P(EveryCodec, CompletesOptionsOnceAndForAll) {
    for (const Options& given : options()) {
        const Options once = complete(codec(), given);
        const Options twice = complete(codec(), once);
        EXPECT_EQ(once.level.has_value(), codec().levels.has_value());
        EXPECT_EQ(once.level, twice.level);
        EXPECT_EQ(once.element, twice.element);
        EXPECT_EQ(once.rle, twice.rle);
        EXPECT_EQ(once.delta, twice.delta);
        EXPECT_EQ(once.bitpack, twice.bitpack);
        EXPECT_EQ(once.automatic, twice.automatic);
        EXPECT_TRUE(!given.level || once.level == given.level);
        EXPECT_TRUE(!given.element || once.element == given.element);
    }
}

template <class Predicate>
std::vector<std::string> names_where(Predicate predicate) {
    std::vector<std::string> names;
    for (const Codec& codec : codecs()) {
        if (predicate(codec)) names.push_back(codec.name);
    }
    return names;
}
std::vector<std::string> codec_names() {
    return names_where([](const Codec&) { return true; });
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryCodec, testing::ValuesIn(codec_names()), test_name);
INSTANTIATE_TEST_SUITE_P(Codecs, SafeCodec, testing::ValuesIn(names_where([](const Codec& codec) { return codec.safe; })), test_name);
INSTANTIATE_TEST_SUITE_P(Codecs, CompressingCodec, testing::ValuesIn(names_where([](const Codec& codec) { return codec.format != "raw"; })),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Codecs, AligningCodec, testing::ValuesIn(names_where([](const Codec& codec) { return codec.alignment > 1; })),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Codecs, LimitedCodec,
                         testing::ValuesIn(names_where([](const Codec& codec) { return codec.largest_chunk < std::size_t{1} << 48; })),
                         test_name);

TEST(CodecTable, HasEveryCodecOnceMemcpyFirst) {
    EXPECT_THAT(codec_names(), testing::ElementsAre("memcpy", "lz4", "lz4hc", "zstd", "snappy", "deflate", "igzip", "gdeflate", "cascaded",
                                                    "bitcomp", "nvcomp-gdeflate"));
}

TEST(CodecTable, SuggestsTheNearestName) {
    const base::Error error = error_of([] { codec_named("zsdt"); });
    EXPECT_EQ(error.kind(), base::ErrorKind::usage);
    EXPECT_THAT(error.hint(), HasSubstr("zstd"));
}

TEST(CodecTable, SaysWhyACodecCannotRun) {
    for (const Codec& codec : codecs()) {
        if (codec.missing.empty()) continue;
        const base::Error error = error_of([&] { codec.make({}); });
        EXPECT_EQ(error.kind(), base::ErrorKind::missing) << codec.name;
        EXPECT_THAT(error.what(), HasSubstr(codec.missing));
    }
}

TEST(CodecElement, HasEightNamesWithTheirSizes) {
    for (const Element element : test::all_elements) {
        EXPECT_EQ(element_named(name(element)), element);
        EXPECT_EQ(std::to_string(8 * size_of(element)), name(element).substr(1));
    }
    EXPECT_THAT(error_of([] { element_named("f32"); }).hint(), HasSubstr("u64"));
}

}  // namespace
}  // namespace plumb::kernels::codec
