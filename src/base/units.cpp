// SPDX-License-Identifier: Apache-2.0
// Reading and writing numbers with units. To add a unit: one line in the table it belongs to.
#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.h"
#include "base/text.h"

namespace plumb::base {
namespace {

struct ByteUnit {
    std::string_view name;
    std::int64_t bytes;
};

constexpr std::array<ByteUnit, 9> byte_units{{{"B", 1},
                                              {"KiB", std::int64_t{1} << 10},
                                              {"MiB", std::int64_t{1} << 20},
                                              {"GiB", std::int64_t{1} << 30},
                                              {"TiB", std::int64_t{1} << 40},
                                              {"kB", 1'000},
                                              {"MB", 1'000'000},
                                              {"GB", 1'000'000'000},
                                              {"TB", 1'000'000'000'000}}};
constexpr std::string_view byte_hint = "units: B, kB MB GB TB (powers of 1000), KiB MiB GiB TiB (powers of 1024); for example 64KiB";

// A unit is a fraction, so that "500ms" is 500 / 1000, the nearest number to 0.5, and not 500 times an inexact 0.001.
struct TimeUnit {
    std::string_view name;
    double numerator;
    double denominator;
};
constexpr std::array<TimeUnit, 7> time_units{
    {{"s", 1, 1}, {"ms", 1, 1e3}, {"us", 1, 1e6}, {"ns", 1, 1e9}, {"min", 60, 1}, {"h", 3600, 1}, {"", 1, 1}}};
constexpr std::string_view time_hint = "units: ns, us, ms, s, min, h; a bare number is seconds; for example 500ms";

struct Quantity {
    std::string_view digits;
    double number;
    std::string_view unit;
};

[[noreturn]] void refuse(std::string_view text, std::string_view what, std::string_view hint) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is not {}", text, what), std::string(hint));
}

Quantity read_quantity(std::string_view text, std::string_view what, std::string_view hint) {
    const std::string_view trimmed = trim(text);
    // The first letter is checked because from_chars would take "inf" and "nan" as numbers.
    if (trimmed.empty() || std::string_view("0123456789.").find(trimmed.front()) == std::string_view::npos) refuse(text, what, hint);
    double number = 0;
    const auto [end, error] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
    if (error != std::errc() || !std::isfinite(number)) refuse(text, what, hint);
    const std::size_t length = static_cast<std::size_t>(end - trimmed.data());
    return {trimmed.substr(0, length), number, trim(trimmed.substr(length))};
}

// Three significant digits with trailing zeros kept, so that columns of measurements line up: 2.5 -> "2.50".
std::string three_digits(double value) {
    const double size = std::abs(value);
    return fmt::format("{:.{}f}", value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

struct Step {
    double size;
    std::string_view name;
};

// The largest unit in which the rounded number is at least 1; `steps` ascend.
std::string scaled(double value, std::span<const Step> steps) {
    const Step* best = &steps.front();
    for (const Step& step : steps) {
        // 0.9995 of a unit is already written as 1.00 of it.
        if (std::abs(value) >= step.size * 0.9995) best = &step;
    }
    return fmt::format("{} {}", three_digits(value / best->size), best->name);
}

std::string strip_zeros(std::string text) {
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.pop_back();
    }
    return text == "-0" ? "0" : text;
}

std::string spell_not_finite(double value) {
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

std::string format_long_time(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    const std::int64_t hours = whole / 3600, minutes = whole % 3600 / 60, rest = whole % 60;
    if (hours > 0) return minutes > 0 ? fmt::format("{} h {} min", hours, minutes) : fmt::format("{} h", hours);
    return rest > 0 ? fmt::format("{} min {} s", minutes, rest) : fmt::format("{} min", minutes);
}

}  // namespace

std::int64_t parse_bytes(std::string_view text) {
    constexpr std::string_view what = "a number of bytes";
    const Quantity quantity = read_quantity(text, what, byte_hint);
    const std::string_view unit = quantity.unit.empty() ? "B" : quantity.unit;
    const auto* found = std::find_if(byte_units.begin(), byte_units.end(), [&](const ByteUnit& known) { return known.name == unit; });
    if (found == byte_units.end()) refuse(text, what, byte_hint);

    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    std::int64_t whole = 0;
    const auto [end, error] = std::from_chars(quantity.digits.data(), quantity.digits.data() + quantity.digits.size(), whole);
    if (error == std::errc() && end == quantity.digits.data() + quantity.digits.size()) {
        if (whole > most / found->bytes) refuse(text, "a number of bytes below 2^63", byte_hint);
        return whole * found->bytes;
    }
    const double bytes = quantity.number * static_cast<double>(found->bytes);
    if (bytes >= 9.2e18) refuse(text, "a number of bytes below 2^63", byte_hint);
    return std::llround(bytes);
}

double parse_seconds(std::string_view text) {
    constexpr std::string_view what = "a duration";
    const Quantity quantity = read_quantity(text, what, time_hint);
    const auto* found =
        std::find_if(time_units.begin(), time_units.end(), [&](const TimeUnit& known) { return known.name == quantity.unit; });
    if (found == time_units.end()) refuse(text, what, time_hint);
    const double seconds = quantity.number * found->numerator / found->denominator;
    if (!std::isfinite(seconds)) refuse(text, what, time_hint);
    return seconds;
}

std::string format_bytes(std::int64_t bytes) {
    const ByteUnit* best = byte_units.data();
    for (const ByteUnit& unit : byte_units) {
        if (bytes != 0 && bytes % unit.bytes == 0 && unit.bytes > best->bytes) best = &unit;
    }
    return fmt::format("{} {}", bytes / best->bytes, best->name);
}

std::string format_size(double bytes) {
    if (!std::isfinite(bytes)) return spell_not_finite(bytes) + " B";
    constexpr std::array<Step, 5> steps{{{1, "B"}, {1e3, "kB"}, {1e6, "MB"}, {1e9, "GB"}, {1e12, "TB"}}};
    // Below a kilobyte a size is a count: no decimals unless it is a mean.
    if (std::abs(bytes) < 999.5) return format_number(bytes, 3) + " B";
    return scaled(bytes, steps);
}

std::string format_seconds(double seconds) {
    if (!std::isfinite(seconds)) return spell_not_finite(seconds) + " s";
    if (seconds < 0) return "-" + format_seconds(-seconds);
    if (seconds == 0) return "0 s";
    if (seconds >= 1e15) return format_number(seconds, 3) + " s";
    if (seconds >= 59.95) return format_long_time(seconds);
    constexpr std::array<Step, 4> steps{{{1e-9, "ns"}, {1e-6, "us"}, {1e-3, "ms"}, {1, "s"}}};
    return scaled(seconds, steps);
}

std::string format_number(double value, int digits) {
    if (!std::isfinite(value)) return spell_not_finite(value);
    if (value == 0) return "0";
    digits = std::clamp(digits, 1, 17);
    const std::string scientific = fmt::format("{:.{}e}", value, digits - 1);
    const std::size_t mark = scientific.find('e');
    int exponent = 0;
    const char* const digits_of_exponent = scientific.data() + mark + (scientific[mark + 1] == '+' ? 2 : 1);
    std::from_chars(digits_of_exponent, scientific.data() + scientific.size(), exponent);
    if (exponent < -5 || exponent >= 15) return strip_zeros(scientific.substr(0, mark)) + fmt::format("e{}", exponent);
    return strip_zeros(fmt::format("{:.{}f}", value, std::max(0, digits - 1 - exponent)));
}

std::string format_quantity(double value, std::string_view unit) {
    if (unit.empty()) return format_number(value);
    if (unit == "s") return format_seconds(value);
    if (unit == "B") return format_size(value);
    if (unit == "B/s") return format_size(value) + "/s";
    if (unit == "share") return format_number(value * 100, 3) + " %";
    return format_number(value, 3) + " " + std::string(unit);
}

}  // namespace plumb::base
