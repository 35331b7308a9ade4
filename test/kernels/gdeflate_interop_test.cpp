// SPDX-License-Identifier: Apache-2.0
// plumb's GDeflate and NVIDIA's host functions read each other's pages. Skipped, with the reason, where nvCOMP is not installed.
#include <gtest/gtest.h>

#include <optional>

#include "kernels/codec_cases.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::codec {
namespace {

using test::ByteVector;
using test::compressed;
using test::Data;
using test::decompressed;
using test::make_data;
using test::with;

constexpr std::uint64_t seed = 20261126;

/// Lines of numbered columns that mostly repeat, as in chemical tables: long matches at short and long distances.
ByteVector table_like(std::size_t bytes) {
    const base::RandomStream random(seed, "table");
    ByteVector out;
    for (std::uint64_t line = 0; out.size() < bytes; ++line) {
        std::string text = "  " + std::to_string(line % 50) + "  0  0  0     1  0  0  0  0  0999 V2000 ";
        text +=
            std::to_string(random.below(2 * line, 100)) + ".0000    0." + std::to_string(random.below(2 * line + 1, 20)) + "00 C   0  0\n";
        out.insert(out.end(), text.begin(), text.end());
    }
    out.resize(bytes);
    return out;
}

std::vector<ByteVector> inputs() {
    std::vector<ByteVector> all;
    for (const std::size_t size : {1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 1000, 4000, 65535, 65536}) {
        for (const Data kind : {Data::text, Data::random, Data::zeros, Data::floats}) all.push_back(make_data(kind, size, seed));
        all.push_back(table_like(size));
    }
    return all;
}

class GdeflateInterop : public testing::TestWithParam<Isa> {
  protected:
    void SetUp() override {
        PLUMB_SKIP_WITHOUT(GetParam());
        if (!theirs().missing.empty()) GTEST_SKIP() << theirs().name << ": " << theirs().missing;
        isa_.emplace(GetParam());
    }
    static const Codec& ours() { return codec_named("gdeflate"); }
    static const Codec& theirs() { return codec_named("nvcomp-gdeflate"); }

  private:
    std::optional<test::ForcedIsa> isa_;
};

TEST_P(GdeflateInterop, ReadsWhatNvidiaWrites) {
    const auto reader = ours().make({});
    for (const int level : {0, 1, 6, 12}) {
        const auto writer = theirs().make(with(&Options::level, level));
        for (const ByteVector& data : inputs())
            ASSERT_TRUE(decompressed(*reader, compressed(theirs(), *writer, data), data.size()) == data) << level << " " << data.size();
    }
}

TEST_P(GdeflateInterop, WritesWhatNvidiaReads) {
    const auto reader = theirs().make({});
    for (const int level : {0, 1, 4, 9}) {
        const auto writer = ours().make(with(&Options::level, level));
        for (const ByteVector& data : inputs())
            ASSERT_TRUE(decompressed(*reader, compressed(ours(), *writer, data), data.size()) == data) << level << " " << data.size();
    }
}

std::string isa_name(const testing::TestParamInfo<Isa>& info) {
    return std::string(name(info.param));
}
INSTANTIATE_TEST_SUITE_P(Isas, GdeflateInterop, testing::ValuesIn(test::all_isas), isa_name);

}  // namespace
}  // namespace plumb::kernels::codec
