// SPDX-License-Identifier: Apache-2.0
#include "kernels/probe/peak.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "kernels/isa_guard.h"

namespace plumb::kernels::probe {
namespace {

class PeakProbe : public testing::TestWithParam<Isa> {};

int lanes(Isa isa) {
    if (isa == Isa::scalar) return 1;
    return isa == Isa::avx2 ? 8 : 16;
}

TEST_P(PeakProbe, CountsTwoOperationsForEachLaneOfEachInstructionOnEachThread) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    EXPECT_EQ(fma_fp32(3, 1), 3.0 * 1024 * 2 * lanes(GetParam()));
    EXPECT_EQ(fma_fp32(3, 2), 2 * fma_fp32(3, 1));
    EXPECT_EQ(fma_fp32(0, 1), 0.0);
}

TEST_P(PeakProbe, ReadsEveryByteOnceForAnyThreadsAndAlignment) {
    PLUMB_SKIP_WITHOUT(GetParam());
    const test::ForcedIsa forced(GetParam());
    std::vector<std::byte> memory(4096 + 16);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>(i * 37 + 11);
    for (const std::size_t offset : {0, 1, 5}) {
        for (const std::size_t size : {0, 1, 7, 8, 63, 64, 1000, 4096}) {
            const std::span<const std::byte> bytes(memory.data() + offset, size);
            // By the header's definition: single bytes up to an address that is a multiple of 8, then words, then single bytes.
            std::uint64_t expected = 0;
            std::size_t i = 0;
            for (; i < size && reinterpret_cast<std::uintptr_t>(bytes.data() + i) % 8 != 0; ++i)
                expected += std::to_integer<std::uint64_t>(bytes[i]);
            for (; i + 8 <= size; i += 8) {
                std::uint64_t word = 0;
                std::memcpy(&word, bytes.data() + i, 8);
                expected += word;
            }
            for (; i < size; ++i) expected += std::to_integer<std::uint64_t>(bytes[i]);
            for (const int threads : {1, 2, 3}) EXPECT_EQ(read_memory(bytes, threads), expected) << "offset " << offset << " size " << size;
        }
    }
}

TEST(TileProbe, CountsEveryProductOnEachThreadOrSaysWhatIsMissing) {
    if (!why_not(Isa::amx).empty()) {
        try {
            tile_bf16(1, 1);
            FAIL() << "no error";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
            EXPECT_NE(std::string(error.what()).find(why_not(Isa::amx)), std::string::npos);
        }
        return;
    }
    EXPECT_EQ(tile_bf16(3, 1), 3.0 * 256 * 2 * 16 * 16 * 32);
    EXPECT_EQ(tile_bf16(3, 2), 2 * tile_bf16(3, 1));
    EXPECT_EQ(tile_bf16(0, 1), 0.0);
}

TEST(PeakProbeErrors, NoThreadsIsAUsageError) {
    EXPECT_THROW(tile_bf16(1, 0), base::Error);
    EXPECT_THROW(fma_fp32(1, 0), base::Error);
    EXPECT_THROW(read_memory({}, 0), base::Error);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, PeakProbe, testing::ValuesIn(test::all_isas),
                         [](const auto& instance) { return std::string(name(instance.param)); });

}  // namespace
}  // namespace plumb::kernels::probe
