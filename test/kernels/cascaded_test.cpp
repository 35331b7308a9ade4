// SPDX-License-Identifier: Apache-2.0
// The format of cascaded as spec.md gives it: chunks worked out by hand, a plain decoder that shares no code, every element with every
// number of layers, on every instruction set with the same bytes. What every codec promises is in codec_test.cpp.
#include <gtest/gtest.h>

#include "kernels/cascaded_reference.h"
#include "kernels/codec_cases.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::codec {
namespace {

using test::all_data;
using test::all_elements;
using test::ByteVector;
using test::compressed;
using test::Data;
using test::decompressed;
using test::make_data;

constexpr std::uint64_t seed = 20261125;
constexpr std::size_t inner_bytes = 4096;

const Codec& codec() {
    return codec_named("cascaded");
}

Options layers(Element element, int rle, int delta, bool bitpack) {
    Options options;
    options.element = element;
    options.rle = rle;
    options.delta = delta;
    options.bitpack = bitpack;
    return options;
}

/// Elements of `bytes` bytes each.
template <class Number>
ByteVector elements_of(std::size_t count, std::size_t bytes, Number number) {
    ByteVector out(count * bytes);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t value = number(i);
        std::memcpy(out.data() + i * bytes, &value, bytes);
    }
    return out;
}

/// Compresses on every instruction set of the host: the same bytes, which everyone reads, the plain decoder too.
ByteVector agreed_chunk(const Options& options, const ByteVector& data, const std::string& what) {
    ByteVector agreed;
    for (const Isa isa : available_isas()) {
        const test::ForcedIsa forced(isa);
        const auto worker = codec().make(options);
        const ByteVector chunk = compressed(codec(), *worker, data);
        if (agreed.empty()) agreed = chunk;
        EXPECT_TRUE(chunk == agreed) << what << ": other bytes on " << name(isa);
        EXPECT_TRUE(decompressed(*worker, agreed, data.size()) == data) << what << " on " << name(isa);
    }
    test::CascadedReference reference(agreed);
    EXPECT_TRUE(reference.decode() == data) << what << ": the plain decoder reads something else";
    EXPECT_EQ(reference.used(), agreed.size()) << what;
    return agreed;
}

class CascadedElement : public testing::TestWithParam<Element> {
  protected:
    std::size_t bytes() const { return size_of(GetParam()); }
    std::string text(int rle, int delta, bool bitpack) const {
        return std::string(name(GetParam())) + " rle=" + std::to_string(rle) + " delta=" + std::to_string(delta) +
               (bitpack ? " packed" : " unpacked");
    }
};

TEST(Cascaded, WritesAndReadsTheChunkThatItsSpecificationWorksOut) {
    const ByteVector data = elements_of(60, 2, [](std::size_t i) { return i < 30 ? 5U : i < 40 ? 7U : 9U; });
    const ByteVector expected = {0x01, 0x01, 0x01, 0x03, 0x78, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00,
                                 0x00, 0x08, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x00, 0x03, 0x00,
                                 0x05, 0x00, 0x14, 0x28, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00};
    EXPECT_EQ(agreed_chunk(layers(Element::u16, 1, 1, true), data, "example"), expected);
}

TEST(Cascaded, WritesTheRawCopyInItsHeadWhenLayersDoNotHelp) {
    const ByteVector data = {1, 200, 3, 90, 5};
    const ByteVector expected = {0, 0, 0, 5, 5, 0, 0, 0, 1, 200, 3, 90, 5, 0, 0, 0};
    EXPECT_EQ(agreed_chunk(layers(Element::u32, 0, 0, false), data, "no layers"), expected);
    EXPECT_TRUE(codec().stored(expected, data.size()));

    const ByteVector random = make_data(Data::random, 65536, seed);
    const ByteVector raw = agreed_chunk({}, random, "random");
    EXPECT_EQ(raw.size(), random.size() + 8);
    EXPECT_TRUE(codec().stored(raw, random.size()));
    EXPECT_FALSE(codec().stored(agreed_chunk({}, ByteVector(65536), "zeros"), 65536));
    EXPECT_FALSE(codec().stored(ByteVector(7), 7));
}

TEST_P(CascadedElement, AgreesWithThePlainDecoderForEveryNumberOfLayers) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (int rle = 0; rle <= 7; ++rle) {
        for (int delta = 0; delta <= 3; ++delta) {
            for (const bool bitpack : {true, false}) {
                for (const Data kind : all_data)
                    agreed_chunk(layers(GetParam(), rle, delta, bitpack), make_data(kind, inner_bytes + 700, seed),
                                 text(rle, delta, bitpack));
            }
        }
    }
}

TEST_P(CascadedElement, KeepsEverySize) {
    for (const auto& [rle, delta] : {std::pair{2, 1}, std::pair{0, 2}, std::pair{3, 3}}) {
        for (std::size_t size = 0; size <= 150; ++size)
            agreed_chunk(layers(GetParam(), rle, delta, true), make_data(Data::runs, size, seed),
                         text(rle, delta, true) + std::to_string(size));
        for (std::size_t size = 2 * inner_bytes - 20; size <= 2 * inner_bytes + 20; ++size)
            agreed_chunk(layers(GetParam(), rle, delta, true), make_data(Data::sorted, size, seed),
                         text(rle, delta, true) + std::to_string(size));
    }
}

/// All widths of packing, at numbers of elements that leave every rest of a vector, with the sum of the reference wrapping.
TEST_P(CascadedElement, PacksEveryWidth) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "widths");
    for (unsigned width = 0; width <= 8 * bytes(); ++width) {
        for (std::size_t count = inner_bytes / bytes() - 33; count <= inner_bytes / bytes(); count += 3) {
            const std::uint64_t mask = width == 0 ? 0 : ~std::uint64_t{0} >> (64 - width);
            const std::uint64_t offset = random.bits(width);
            const ByteVector data = elements_of(count, bytes(), [&](std::size_t i) { return (random.bits(i) & mask) + offset; });
            agreed_chunk(layers(GetParam(), 0, 0, true), data, "width " + std::to_string(width));
        }
    }
}

TEST_P(CascadedElement, KeepsExtremesAndDifferencesThatWrap) {
    const std::uint64_t lowest_signed = std::uint64_t{1} << (8 * bytes() - 1);
    const std::uint64_t extremes[] = {lowest_signed, lowest_signed - 1, 0, ~std::uint64_t{0}, 1};
    for (int delta = 0; delta <= 3; ++delta) {
        for (std::size_t step = 1; step < 5; ++step) {
            const ByteVector data = elements_of(700, bytes(), [&](std::size_t i) { return extremes[i * step % 5]; });
            agreed_chunk(layers(GetParam(), 2, delta, true), data, text(2, delta, true));
        }
    }
}

/// Lengths around those where the kernels change their way, in every mixture of short and long.
TEST_P(CascadedElement, KeepsRunsOfEveryLength) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "runs");
    for (const std::size_t longest : {1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 300, 5000}) {
        std::size_t left = 0;
        std::uint64_t value = 0;
        const ByteVector data = elements_of(3 * inner_bytes / bytes() + 5, bytes(), [&](std::size_t i) {
            if (left == 0) {
                left = random.below(i, 3) == 0 ? 1 + random.below(i + 100000, longest) : std::min<std::size_t>(longest, 1 + i % 2);
                ++value;
            }
            --left;
            return value;
        });
        for (const int rle : {1, 2}) agreed_chunk(layers(GetParam(), rle, 1, true), data, "runs up to " + std::to_string(longest));
    }
}

TEST_P(CascadedElement, CutsRunsLongerThanSixteenBitsAtInnerChunks) {
    const std::size_t inner_chunks = 17;  // 69,632 bytes: more than 65,535 equal elements of one byte
    const ByteVector chunk = agreed_chunk(layers(GetParam(), 1, 0, true), ByteVector(inner_chunks * inner_bytes, 7), "one run");
    const std::size_t align = std::max<std::size_t>(4, bytes());
    // Head of three numbers, one length of width 0, one value of width 0.
    const std::size_t inner_chunk = (12 + 8 + align - 1) / align * align + 2 * align;
    EXPECT_EQ(chunk.size(), 8 + inner_chunks * inner_chunk);
}

std::string element_name(const testing::TestParamInfo<Element>& parameter) {
    return std::string(name(parameter.param));
}
INSTANTIATE_TEST_SUITE_P(Elements, CascadedElement, testing::ValuesIn(all_elements), element_name);

TEST(CascadedChoice, IsNeverWorseThanTheDefaults) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const Data kind : all_data) {
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{3}, std::size_t{100}, std::size_t{4099}, std::size_t{65536}, std::size_t{300001}}) {
            const ByteVector data = make_data(kind, size, seed);
            EXPECT_LE(agreed_chunk(test::automatic(), data, "automatic").size(), agreed_chunk({}, data, "defaults").size())
                << test::text(kind) << " " << size;
        }
    }
}

/// The first half fools every sample of the other half's kind.
TEST(CascadedChoice, IsNeverWorseThanTheDefaultsOnDataThatChanges) {
    ByteVector data = make_data(Data::runs, 200000, seed);
    const ByteVector text = make_data(Data::text, 100000, seed);
    for (std::size_t at = 10000; at + 40000 < data.size(); at += 40000)
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at / 2), 20000, data.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_LE(agreed_chunk(test::automatic(), data, "automatic").size(), agreed_chunk({}, data, "defaults").size());
}

TEST(CascadedChoice, FindsTheElementAndTheDifferences) {
    const ByteVector stamps = elements_of(8192, 8, [](std::size_t i) { return 1700000000000000000U + 1000003 * i; });
    const ByteVector chunk = agreed_chunk(test::automatic(), stamps, "time stamps");
    EXPECT_GE(chunk[3], 6) << "elements of 8 bytes";
    EXPECT_GE(chunk[1], 1) << "differences";
    EXPECT_LT(chunk.size() * 40, stamps.size());

    const ByteVector letters = make_data(Data::text, 65536, seed);
    const ByteVector text = agreed_chunk(test::automatic(), letters, "text");
    EXPECT_LE(text[3], 1) << "elements of 1 byte";
    EXPECT_LT(text.size() * 8, letters.size() * 7 + 8 * 500) << "seven bits a letter";
}

}  // namespace
}  // namespace plumb::kernels::codec
