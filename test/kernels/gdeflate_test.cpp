// SPDX-License-Identifier: Apache-2.0
// GDeflate beyond what every codec promises: the format as others write it, codes of every length, every level on every instruction set,
// damage, chunks of many pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/gdeflate_pages.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::codec {
namespace {

using test::ByteVector;
using test::compressed;
using test::Data;
using test::decompressed;
using test::GoldenPage;
using test::make_data;
using test::with;

constexpr std::uint64_t seed = 20261125;

const Codec& gdeflate_itself() {
    return codec_named("gdeflate");
}

/// Whether the chunk is refused with an error; any other exception fails the test that asks.
bool refused(Worker& worker, const ByteVector& chunk, std::size_t original_bytes) {
    try {
        decompressed(worker, chunk, original_bytes);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::failed);
        return true;
    }
    return false;
}

class GdeflateOn : public testing::TestWithParam<Isa> {
  protected:
    void SetUp() override {
        PLUMB_SKIP_WITHOUT(GetParam());
        isa_.emplace(GetParam());
    }

  private:
    std::optional<test::ForcedIsa> isa_;
};

TEST_P(GdeflateOn, ReadsPagesOfAnotherEncoder) {
    const auto worker = gdeflate_itself().make({});
    for (const GoldenPage& golden : test::golden_pages())
        EXPECT_TRUE(decompressed(*worker, golden.page(), golden.content.size()) == golden.content) << golden.name;
}

TEST_P(GdeflateOn, WritesTheSameBytesAsWithoutVectors) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (int level = gdeflate_itself().levels->low; level <= gdeflate_itself().levels->high; ++level) {
        const auto worker = gdeflate_itself().make(with(&Options::level, level));
        for (const Data kind : test::all_data) {
            for (const std::size_t size : {std::size_t{1}, std::size_t{31}, std::size_t{33}, std::size_t{3000}, std::size_t{65536}}) {
                const ByteVector data = make_data(kind, size, seed);
                const ByteVector chunk = compressed(gdeflate_itself(), *worker, data);
                ASSERT_TRUE(decompressed(*worker, chunk, size) == data) << level << " " << test::text(kind) << " " << size;
                set_isa(Isa::scalar);
                const ByteVector without = compressed(gdeflate_itself(), *worker, data);
                set_isa(GetParam());
                ASSERT_TRUE(without == chunk) << level << " " << test::text(kind) << " " << size;
            }
        }
    }
}

/// Lengths as of Fibonacci's frequencies: 1, 2, 3 ... 14, 15, 15 bits, the longest ones of the symbols that come most often here.
TEST_P(GdeflateOn, ReadsCodesOfEveryLength) {
    gdeflate::Codes codes{gdeflate::Frequencies{}};
    std::array<std::uint8_t, gdeflate::literal_symbols> literals{};
    std::array<std::uint8_t, gdeflate::distance_symbols> distances{};
    const std::array<unsigned, 16> symbols = {'a', 'b', 'c', gdeflate::end_of_block, 257, 260, 264, 270, 284, 285, 'd', 'e', 'f',
                                              'g', 'h', 'i'};
    for (unsigned i = 0; i < symbols.size(); ++i) {
        literals.at(symbols.at(i)) = static_cast<std::uint8_t>(std::min(i + 1, 15U));
        distances.at(2 * i) = static_cast<std::uint8_t>(std::min(i + 1, 15U));
    }
    codes = {gdeflate::PrefixCode(literals), gdeflate::PrefixCode(distances)};

    const base::RandomStream random(seed, "codes of every length");
    std::vector<gdeflate::Token> tokens;
    ByteVector content;
    const auto add_literal = [&](std::uint64_t at) {
        tokens.push_back(static_cast<gdeflate::Token>('a' + random.below(at, 9)));
        content.push_back(static_cast<std::uint8_t>(tokens.back()));
    };
    for (std::uint64_t i = 0; content.size() < 40000; ++i) {
        add_literal(4 * i);
        if (content.size() < 40 || random.below(4 * i + 1, 2) == 0) continue;
        const std::array<unsigned, 5> lengths = {3, 6, 257, 258, 300};
        const unsigned length = lengths.at(random.below(4 * i + 2, lengths.size()));
        const auto most = static_cast<std::uint64_t>(std::bit_width(content.size())) - 1;
        const unsigned distance = gdeflate::distance_ranges.at(2 * random.below(4 * i + 3, most)).base + 1;
        tokens.push_back(gdeflate::match_token(length, distance));
        for (unsigned copied = 0; copied < length; ++copied) content.push_back(content[content.size() - distance]);
    }
    const auto worker = gdeflate_itself().make({});
    EXPECT_TRUE(decompressed(*worker, test::page_with_codes(tokens, codes), content.size()) == content) << "seed " << seed;
}

TEST_P(GdeflateOn, RefusesEveryPagePutShort) {
    const auto worker = gdeflate_itself().make({});
    for (const GoldenPage& golden : test::golden_pages()) {
        const ByteVector whole = golden.page();
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const ByteVector cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            ASSERT_TRUE(refused(*worker, cut, golden.content.size())) << golden.name << " cut to " << size;
        }
        ByteVector longer = whole;
        longer.resize(whole.size() + 4);
        EXPECT_TRUE(refused(*worker, longer, golden.content.size())) << golden.name;
        for (const std::size_t wrong : {golden.content.size() - 1, golden.content.size() + 1, std::size_t{65536}})
            EXPECT_TRUE(refused(*worker, whole, wrong)) << golden.name << " as " << wrong;
    }
}

/// Vectors must accept and refuse what single turns do, and give the same bytes.
TEST_P(GdeflateOn, TakesDamagedPagesAsWithoutVectors) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "damage");
    const auto worker = gdeflate_itself().make({});
    const auto outcome = [&](const ByteVector& chunk, std::size_t size) {
        ByteVector out(size);
        try {
            worker->decompress(chunk, out);
        } catch (const base::Error& error) {
            return ByteVector();
        }
        return out;
    };
    for (const Data kind : {Data::text, Data::runs, Data::random}) {
        const ByteVector whole = compressed(gdeflate_itself(), *worker, make_data(kind, 6000, seed));
        for (std::uint64_t trial = 0; trial < 600; ++trial) {
            ByteVector chunk = whole;
            const std::uint64_t first = 4 * trial;
            for (std::uint64_t flip = 0; flip <= trial % 3; ++flip) {
                const std::uint64_t bit =
                    random.below(first + flip, 8 * (trial % 2 == 0 ? chunk.size() : std::min<std::size_t>(chunk.size(), 300)));
                chunk[bit / 8] = static_cast<std::uint8_t>(chunk[bit / 8] ^ (1U << bit % 8));
            }
            const ByteVector here = outcome(chunk, 6000);
            set_isa(Isa::scalar);
            const ByteVector without = outcome(chunk, 6000);
            set_isa(GetParam());
            ASSERT_TRUE(without == here) << test::text(kind) << " trial " << trial;
        }
    }
}

TEST_P(GdeflateOn, SurvivesNoise) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto worker = gdeflate_itself().make({});
    for (std::uint64_t trial = 0; trial < 400; ++trial) {
        ByteVector noise = make_data(Data::random, 4 * (32 + trial), seed + trial);
        // A dynamic block more often than one page in four.
        noise[0] = static_cast<std::uint8_t>((noise[0] & ~7U) | 4 | trial % 2);
        refused(*worker, noise, 65536);
    }
}

std::string isa_name(const testing::TestParamInfo<Isa>& info) {
    return std::string(name(info.param));
}
INSTANTIATE_TEST_SUITE_P(Isas, GdeflateOn, testing::ValuesIn(test::all_isas), isa_name);

TEST(Gdeflate, PutsPagesOfLargerChunksBehindTheirSizes) {
    const auto worker = gdeflate_itself().make({});
    const ByteVector data = make_data(Data::text, 3 * 65536 + 100, seed);
    const ByteVector chunk = compressed(gdeflate_itself(), *worker, data);
    ByteVector pages;
    ByteVector head;
    for (std::size_t begin = 0; begin < data.size(); begin += 65536) {
        const std::size_t end = std::min<std::size_t>(data.size(), begin + 65536);
        const ByteVector page =
            compressed(gdeflate_itself(), *worker,
                       ByteVector(data.begin() + static_cast<std::ptrdiff_t>(begin), data.begin() + static_cast<std::ptrdiff_t>(end)));
        pages.insert(pages.end(), page.begin(), page.end());
        if (end == data.size()) continue;
        head.push_back(static_cast<std::uint8_t>(page.size() / 4 & 0xff));
        head.push_back(static_cast<std::uint8_t>(page.size() / 4 >> 8));
    }
    head.resize(8);
    head.insert(head.end(), pages.begin(), pages.end());
    EXPECT_TRUE(chunk == head);
}

TEST(Gdeflate, RefusesDamagedHeadsOfLargerChunks) {
    const auto worker = gdeflate_itself().make({});
    const std::size_t size = 3 * 65536 + 100;
    const ByteVector chunk = compressed(gdeflate_itself(), *worker, make_data(Data::text, size, seed));
    for (std::size_t bit = 0; bit < 8 * 8; ++bit) {
        ByteVector damaged = chunk;
        damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << bit % 8));
        EXPECT_TRUE(refused(*worker, damaged, size)) << "bit " << bit;
    }
    for (std::size_t bytes = 0; bytes < 12; ++bytes)
        EXPECT_TRUE(refused(*worker, ByteVector(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(bytes)), size)) << bytes;
}

TEST(Gdeflate, CompressesBetterAtHigherLevels) {
    const ByteVector data = make_data(Data::text, 65536, seed);
    const auto size_at = [&](int level) {
        return compressed(gdeflate_itself(), *gdeflate_itself().make(with(&Options::level, level)), data).size();
    };
    EXPECT_LT(size_at(1), size_at(0));
    EXPECT_LT(size_at(3), size_at(1));
    EXPECT_LT(size_at(6), size_at(3));
    EXPECT_LT(size_at(9), size_at(6));
}

}  // namespace
}  // namespace plumb::kernels::codec
