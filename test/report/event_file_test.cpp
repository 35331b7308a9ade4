// SPDX-License-Identifier: Apache-2.0
#include "report/event_file.h"

#include <gtest/gtest.h>

#include <cstring>

namespace plumb::report {
namespace {

template <class Number>
Number read_number(std::string_view bytes, std::size_t at) {
    Number number;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

std::uint32_t masked(std::uint32_t crc) {
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
    EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(EventFile, IsASequenceOfRecordsWithSoundChecksums) {
    const std::string bytes = event_file(10.0, {{11.0, 3, "loss", 1.5f}, {12.0, 300, "loss", 0.25f}});
    std::size_t at = 0;
    std::vector<std::string> payloads;
    while (at < bytes.size()) {
        ASSERT_LE(at + 12, bytes.size());
        const auto length = read_number<std::uint64_t>(bytes, at);
        ASSERT_EQ(read_number<std::uint32_t>(bytes, at + 8), masked(crc32c(bytes.substr(at, 8))));
        ASSERT_LE(at + 16 + length, bytes.size());
        payloads.push_back(bytes.substr(at + 12, length));
        ASSERT_EQ(read_number<std::uint32_t>(bytes, at + 12 + length), masked(crc32c(payloads.back())));
        at += 16 + length;
    }
    ASSERT_EQ(payloads.size(), 3u);
    EXPECT_NE(payloads[0].find("brain.Event:2"), std::string::npos);
    // wall_time = 12, step = 300 as a varint, summary { value { tag: "loss" simple_value: 0.25 } }, by the protobuf wire format.
    std::string expected("\x09", 1);
    const double wall_time = 12;
    expected.append(reinterpret_cast<const char*>(&wall_time), 8);
    expected += "\x10\xAC\x02\x2A\x0D\x0A\x0B\x0A\x04loss\x15";
    const float value = 0.25f;
    expected.append(reinterpret_cast<const char*>(&value), 4);
    EXPECT_EQ(payloads[2], expected);
}

}  // namespace
}  // namespace plumb::report
