// SPDX-License-Identifier: Apache-2.0
// Chunks of cascaded that nobody should trust: each lie that a head can tell is named, and any bytes at all end in a result or an error.
// Inputs and outputs are exactly as long as they claim, so that the sanitizers see every step beyond them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/codec_cases.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::codec {
namespace {

using test::ByteVector;
using test::compressed;
using test::Data;
using test::decompressed;
using test::make_data;
using testing::HasSubstr;

constexpr std::uint64_t seed = 20261125;

/// Empty when the chunk is read; otherwise the message of a `failed` error.
std::string complaint(const ByteVector& chunk, std::size_t original_bytes) {
    std::string agreed;
    bool first = true;
    for (const Isa isa : available_isas()) {
        const test::ForcedIsa forced(isa);
        const auto worker = codec_named("cascaded").make({});
        std::string message;
        try {
            decompressed(*worker, chunk, original_bytes);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::failed);
            message = error.what();
        }
        EXPECT_TRUE(first || message == agreed) << name(isa) << ": '" << message << "', elsewhere '" << agreed << "'";
        agreed = message;
        first = false;
    }
    return agreed;
}

/// Six u16, 5 5 5 7 9 9: run lengths 3 1 2, then the differences 2 2 behind a first value of 5.
ByteVector six_numbers() {
    return {1, 1, 1, 3, 12, 0, 0, 0, 36, 0, 0,    0, 12, 0, 0, 0, 8, 0, 0, 0, 5, 0,
            0, 0, 1, 0, 0,  0, 3, 0, 2,  0, 0x12, 0, 0,  0, 2, 0, 0, 0, 2, 0, 0, 0};
}

TEST(CascadedDamage, ReadsTheChunkThatTheOthersAreMadeFrom) {
    const auto worker = codec_named("cascaded").make({});
    EXPECT_EQ(decompressed(*worker, six_numbers(), 12), (ByteVector{5, 0, 5, 0, 5, 0, 7, 0, 9, 0, 9, 0}));
}

struct Lie {
    const char* what;
    std::size_t at;
    std::uint8_t byte;
    const char* complaint;
};
const Lie lies[] = {
    {"eight run-length layers", 0, 8, "head"},
    {"no run-length layer", 0, 0, ""},
    {"two run-length layers", 0, 2, ""},
    {"four delta layers", 1, 4, "head"},
    {"two delta layers", 1, 2, ""},
    {"packing that is neither yes nor no", 2, 2, "head"},
    {"arrays that are not packed", 2, 0, ""},
    {"element 8", 3, 8, "head"},
    {"another element", 3, 5, ""},
    {"another size", 4, 13, "another size"},
    {"a size of 2^31", 7, 0x80, "another size"},
    {"a shorter inner chunk", 8, 35, "values"},
    {"a longer inner chunk", 8, 37, "inner chunk"},
    {"an inner chunk of 0 bytes", 8, 0, "inner chunk"},
    {"an inner chunk of 2^31 bytes", 11, 0x80, "inner chunk"},
    {"a shorter array", 12, 11, "run lengths"},
    {"an array without a head", 12, 7, "run lengths"},
    {"an array of 2^31 bytes", 15, 0x80, "run lengths"},
    {"a longer array of values", 16, 12, "values"},
    {"an array of values of 0 bytes", 16, 0, "values"},
    {"two runs", 28, 2, "wrong number"},
    {"no runs", 28, 0, "run lengths"},
    {"seven runs", 28, 7, "wrong number of runs"},
    {"65,283 runs", 29, 255, "run lengths"},
    {"a width of 0", 30, 0, "run lengths"},
    {"a width of 17", 30, 17, "run lengths"},
    {"a width of 255", 30, 255, "run lengths"},
    {"runs that add up to less", 32, 0x11, "add up"},
    {"runs that add up to more", 32, 0x13, "add up"},
    {"a run of length 0", 24, 0, "add up"},
    {"runs of 65,535 and more", 25, 255, "add up"},
    {"three values", 40, 3, "wrong number of values"},
    {"values of width 16", 42, 16, "values"},
};

TEST(CascadedDamage, IsFoundWhereverAHeadLies) {
    for (const Lie& lie : lies) {
        ByteVector chunk = six_numbers();
        ASSERT_NE(chunk[lie.at], lie.byte) << lie.what;
        chunk[lie.at] = lie.byte;
        const std::string message = complaint(chunk, 12);
        EXPECT_THAT(message, HasSubstr("cascaded: the compressed chunk is damaged")) << lie.what;
        EXPECT_THAT(message, HasSubstr(lie.complaint)) << lie.what;
    }
}

/// Flips and cuts of real chunks of every element with many layers, packed and not.
TEST(CascadedDamage, NeverDoesMoreThanWrongBytes) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "damage");
    std::uint64_t draw = 0;
    int complaints = 0;
    for (const Element element : test::all_elements) {
        for (const bool bitpack : {true, false}) {
            Options options;
            options.element = element;
            options.rle = 3;
            options.delta = 2;
            options.bitpack = bitpack;
            const auto worker = codec_named("cascaded").make(options);
            for (const Data kind : {Data::runs, Data::sorted, Data::zeros}) {
                const ByteVector whole = compressed(codec_named("cascaded"), *worker, make_data(kind, 5001, seed));
                for (int trial = 0; trial < 150; ++trial) {
                    ByteVector chunk = whole;
                    // Heads are hit more often than their share.
                    const std::size_t reach = trial % 2 == 0 ? chunk.size() : std::min<std::size_t>(chunk.size(), 80);
                    for (int change = 0; change <= trial % 3; ++change) {
                        const std::size_t at = random.below(draw++, reach);
                        chunk[at] = static_cast<std::uint8_t>(random.bits(draw++));
                    }
                    if (trial % 5 == 0) chunk.resize(random.below(draw++, chunk.size()));
                    complaints += complaint(chunk, 5001).empty() ? 0 : 1;
                }
            }
        }
    }
    EXPECT_GT(complaints, 1000);
}

TEST(CascadedDamage, AnyBytesAreReadOrRefused) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "garbage");
    for (std::uint64_t trial = 0; trial < 3000; ++trial) {
        const std::size_t original = random.below(10 * trial, 9000);
        ByteVector chunk = make_data(Data::random, random.below(10 * trial + 1, 400), trial);
        if (chunk.size() >= 8) {  // a head that is let in
            const auto bytes = static_cast<std::uint32_t>(original);
            for (std::size_t k = 0; k < 4; ++k) chunk[k] &= std::array<std::uint8_t, 4>{7, 3, 1, 7}.at(k);
            std::memcpy(chunk.data() + 4, &bytes, sizeof(bytes));
        }
        complaint(chunk, original);
    }
}

}  // namespace
}  // namespace plumb::kernels::codec
