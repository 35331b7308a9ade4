// SPDX-License-Identifier: Apache-2.0
// Claims about numbers with units.
#include "base/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace plumb::base {
namespace {

template <class Function>
void expect_usage(Function function, const std::string& text) {
    try {
        function(text);
        FAIL() << "'" << text << "' was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(ParseBytes, KeepsThousandsAndKibiApart) {
    EXPECT_EQ(parse_bytes("4096"), 4096);
    EXPECT_EQ(parse_bytes("4KiB"), 4096);
    EXPECT_EQ(parse_bytes(" 4 kB "), 4000);
    EXPECT_EQ(parse_bytes("1.5 MiB"), 1572864);
    EXPECT_EQ(parse_bytes("1.1GB"), 1100000000);
    EXPECT_EQ(parse_bytes("2 GiB"), std::int64_t{2} << 30);
    EXPECT_EQ(parse_bytes("3TB"), 3000000000000);
    EXPECT_EQ(parse_bytes("0B"), 0);
    EXPECT_EQ(parse_bytes("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
}

TEST(ParseBytes, RefusesWhatIsNotASize) {
    for (const std::string text : {"", " ", "x", "-1", "KiB", "4 kib", "4KB", "4K", "4KiBB", "1..2", "nan", "inf", "9223372036854775808",
                                   "99999999 TiB", "1e400", "0x10", "4 KiB 3"}) {
        expect_usage([](const std::string& given) { parse_bytes(given); }, text);
    }
}

TEST(ParseSeconds, ReadsEveryUnitExactly) {
    EXPECT_EQ(parse_seconds("2"), 2.0);
    EXPECT_EQ(parse_seconds("2 s"), 2.0);
    EXPECT_EQ(parse_seconds("500ms"), 0.5);
    EXPECT_EQ(parse_seconds("300 ms"), 0.3);
    EXPECT_EQ(parse_seconds("20 us"), 20e-6);
    EXPECT_EQ(parse_seconds("7ns"), 7e-9);
    EXPECT_EQ(parse_seconds("10 min"), 600.0);
    EXPECT_EQ(parse_seconds("1.5h"), 5400.0);
}

TEST(ParseSeconds, RefusesWhatIsNotADuration) {
    for (const std::string text : {"", "s", "-2", "2 sec", "1m", "inf", "nan s", "1e400", "2 s 3"}) {
        expect_usage([](const std::string& given) { parse_seconds(given); }, text);
    }
}

TEST(FormatBytes, IsExactInTheLargestUnit) {
    EXPECT_EQ(format_bytes(4096), "4 KiB");
    EXPECT_EQ(format_bytes(65537), "65537 B");
    EXPECT_EQ(format_bytes(62500000), "62500 kB");
    EXPECT_EQ(format_bytes(1000000000), "1 GB");
    EXPECT_EQ(format_bytes(std::int64_t{1} << 40), "1 TiB");
    EXPECT_EQ(format_bytes(0), "0 B");
}

TEST(FormatBytes, IsReadBackByParseBytes) {
    for (const std::int64_t bytes :
         {0L, 1L, 999L, 1000L, 1024L, 1536L, 4096000000L, 123456789012345L, std::numeric_limits<std::int64_t>::max()}) {
        EXPECT_EQ(parse_bytes(format_bytes(bytes)), bytes);
    }
}

TEST(FormatSize, RoundsToThreeDigits) {
    EXPECT_EQ(format_size(1234567890), "1.23 GB");
    EXPECT_EQ(format_size(512), "512 B");
    EXPECT_EQ(format_size(0), "0 B");
    EXPECT_EQ(format_size(1500), "1.50 kB");
    EXPECT_EQ(format_size(999600), "1.00 MB");
}

TEST(FormatSeconds, ScalesToTheUnitThatReadsBest) {
    EXPECT_EQ(format_seconds(1.234e-3), "1.23 ms");
    EXPECT_EQ(format_seconds(45.6e-6), "45.6 us");
    EXPECT_EQ(format_seconds(2.5), "2.50 s");
    EXPECT_EQ(format_seconds(200), "3 min 20 s");
    EXPECT_EQ(format_seconds(3900), "1 h 5 min");
    EXPECT_EQ(format_seconds(0), "0 s");
    EXPECT_EQ(format_seconds(-0.25), "-250 ms");
    EXPECT_EQ(format_seconds(12e-9), "12.0 ns");
}

TEST(FormatSeconds, NeverShowsAThousandOfAUnit) {
    EXPECT_EQ(format_seconds(999.6e-6), "1.00 ms");
    EXPECT_EQ(format_seconds(0.9996), "1.00 s");
    EXPECT_EQ(format_seconds(59.97), "1 min");
    for (double seconds = 1e-9; seconds < 50; seconds *= 1.0137) EXPECT_LT(std::stod(format_seconds(seconds)), 1000) << seconds;
}

TEST(FormatNumber, KeepsSignificantDigitsAndDropsNoise) {
    EXPECT_EQ(format_number(1234.5678), "1235");
    EXPECT_EQ(format_number(123456), "123456");
    EXPECT_EQ(format_number(0.0025), "0.0025");
    EXPECT_EQ(format_number(0.00123456, 3), "0.00123");
    EXPECT_EQ(format_number(0.1 + 0.2, 6), "0.3");
    EXPECT_EQ(format_number(9.9996), "10");
    EXPECT_EQ(format_number(-0.0), "0");
    EXPECT_EQ(format_number(1.5e-9), "1.5e-9");
    EXPECT_EQ(format_number(2e30), "2e30");
    EXPECT_EQ(format_number(-17), "-17");
}

TEST(FormatNumber, SpellsWhatIsNotANumber) {
    EXPECT_EQ(format_number(std::nan("")), "nan");
    EXPECT_EQ(format_number(INFINITY), "inf");
    EXPECT_EQ(format_number(-INFINITY), "-inf");
    EXPECT_EQ(format_quantity(std::nan(""), "s"), "nan s");
}

TEST(FormatNumber, StaysWithinHalfAUnitOfTheLastDigit) {
    for (double value = 1.234567e-12; value < 1e14; value *= 3.7) {
        EXPECT_LE(std::abs(std::stod(format_number(value, 4)) / value - 1), 0.5e-3) << value;
    }
}

TEST(FormatQuantity, FollowsTheUnit) {
    EXPECT_EQ(format_quantity(0.00123, "s"), "1.23 ms");
    EXPECT_EQ(format_quantity(2e9, "B"), "2.00 GB");
    EXPECT_EQ(format_quantity(2e9, "B/s"), "2.00 GB/s");
    EXPECT_EQ(format_quantity(116.2, "GFLOP/s"), "116 GFLOP/s");
    EXPECT_EQ(format_quantity(0.1234, "share"), "12.3 %");
    EXPECT_EQ(format_quantity(57, ""), "57");
}

}  // namespace
}  // namespace plumb::base
