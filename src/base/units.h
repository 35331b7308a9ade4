// SPDX-License-Identifier: Apache-2.0
// Numbers with units, read and written. GB = 10^9 bytes, GiB = 2^30 bytes; never mixed up.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace plumb::base {

/// "4096", "4KiB", "1.5 MiB", "2GB"; throws usage naming the text. Units: B, kB MB GB TB (powers of 1000), KiB MiB GiB TiB (powers of
/// 1024). A fraction is rounded to the nearest byte.
std::int64_t parse_bytes(std::string_view text);
/// "2", "2 s", "500ms", "10 min", "1h", "20 us"; a bare number is seconds. Throws usage naming the text.
double parse_seconds(std::string_view text);
/// Always exact, in the largest unit of either kind that divides it: 4096 -> "4 KiB", 62500000 -> "62500 kB", 65537 -> "65537 B".
std::string format_bytes(std::int64_t bytes);
/// Rounded for reading: "1.23 GB" (powers of 1000).
std::string format_size(double bytes);
/// "1.23 ms", "45.6 us", "2.50 s", "3 min 20 s".
std::string format_seconds(double seconds);
/// `digits` significant digits, trailing zeros dropped, digits before the point never: 1234.5678 -> "1235", 123456 -> "123456", 0.00250 ->
/// "0.0025", 1.5e-9 -> "1.5e-9"; "nan", "inf", "-inf" spelt out.
std::string format_number(double value, int digits = 4);
/// Value with a metric's unit: "s", "B" and "B/s" scale ("1.23 ms"), "" is a bare number, "share" is a percentage, the rest stands behind
/// three significant digits: "116 GFLOP/s".
std::string format_quantity(double value, std::string_view unit);

}  // namespace plumb::base
