// SPDX-License-Identifier: Apache-2.0
// Axes and theme: ticks at round numbers of a logarithmic axis, labels with units, colours of ink and grid.
#include <algorithm>
#include <cmath>

#include "report/vega_parts.h"

namespace plumb::report {
namespace {

using nlohmann::json;

constexpr std::size_t most_ticks = 11;

std::vector<double> powers(double base, double low, double high) {
    std::vector<double> ticks;
    const double first = std::floor(std::log(low) / std::log(base) + 1e-9);
    for (double exponent = first;; ++exponent) {
        ticks.push_back(std::pow(base, exponent));
        if (ticks.back() >= high * (1 - 1e-9)) {
            return ticks;
        }
    }
}

/// 1, 2, 5 of every decade: for ranges too short to be told by powers of ten alone.
std::vector<double> one_two_five(double low, double high) {
    std::vector<double> ticks;
    for (const double decade : powers(10, low, high)) {
        for (const double step : {1.0, 2.0, 5.0}) {
            ticks.push_back(decade * step);
        }
    }
    const auto first_above = std::ranges::find_if(ticks, [&](double tick) { return tick > low * (1 + 1e-9); });
    ticks.erase(ticks.begin(), first_above == ticks.begin() ? first_above : first_above - 1);
    const auto last = std::ranges::find_if(ticks, [&](double tick) { return tick >= high * (1 - 1e-9); });
    ticks.erase(last == ticks.end() ? last : last + 1, ticks.end());
    return ticks;
}

void thin(std::vector<double>& ticks) {
    while (ticks.size() > most_ticks) {
        std::vector<double> kept;
        for (std::size_t i = 0; i < ticks.size(); i += 2) {
            kept.push_back(ticks[i]);
        }
        ticks = std::move(kept);
    }
}

}  // namespace

LogRange log_range(double smallest, double largest, lab::Scale scale) {
    LogRange range{};
    if (scale == lab::Scale::log2) {
        range.ticks = powers(2, smallest, largest);
    } else {
        const bool short_range = largest / smallest < 500;
        range.ticks = short_range ? one_two_five(smallest, largest) : powers(10, smallest, largest);
    }
    range.low = range.ticks.front();
    range.high = range.ticks.back();
    thin(range.ticks);
    return range;
}

std::string label_expression(const std::string& unit) {
    if (unit == "s") {
        return "replace(replace(format(datum.value, '~s'), 'µ', 'u'), regexp('([a-z]?)$'), ' $1') + 's'";
    }
    if (unit == "B") {
        // 10^10 is a multiple of 1024 too, but nobody's idea of so many KiB.
        return "datum.value >= 1073741824 && datum.value % 1073741824 == 0 ? datum.value / 1073741824 + ' GiB' : "
               "datum.value >= 1048576 && datum.value < 1073741824 && datum.value % 1048576 == 0 ? datum.value / 1048576 + ' MiB' : "
               "datum.value >= 1024 && datum.value < 1048576 && datum.value % 1024 == 0 ? datum.value / 1024 + ' KiB' : "
               "replace(format(datum.value, '~s'), regexp('([a-zA-Z]?)$'), ' $1') + 'B'";
    }
    if (unit == "B/s") {
        return "replace(format(datum.value, '~s'), regexp('([a-zA-Z]?)$'), ' $1') + 'B/s'";
    }
    if (unit == "share") {
        return "format(datum.value * 100, '.4~r') + ' %'";
    }
    return "datum.value != 0 && (abs(datum.value) < 0.001 || abs(datum.value) >= 1e7) ? format(datum.value, '.3~e') : format(datum.value, "
           "'~r')";
}

json theme_config(Theme theme) {
    const bool page = theme == Theme::page;
    const std::string ink = page ? "currentColor" : "#1b1f24";
    const json faint_text{{"labelColor", ink}, {"titleColor", ink}, {"labelOpacity", 0.8}, {"titleOpacity", 0.8}};
    json axis = faint_text;
    axis.update({{"grid", true},
                 {"gridColor", ink},
                 {"gridOpacity", 0.13},
                 {"domainColor", ink},
                 {"domainOpacity", 0.45},
                 {"tickColor", ink},
                 {"tickOpacity", 0.45},
                 {"titleFontWeight", 500},
                 {"labelFontSize", 11},
                 {"titleFontSize", 11.5},
                 {"titlePadding", 8}});
    json legend{{"labelColor", ink}, {"titleColor", ink},  {"orient", "top"}, {"labelFontSize", 12},
                {"symbolSize", 90},  {"symbolOpacity", 1}, {"offset", 10}};
    json header{{"labelColor", ink}, {"titleColor", ink}, {"labelFontWeight", 600}, {"labelFontSize", 12}};
    json title{{"color", ink},           {"subtitleColor", ink}, {"anchor", "start"}, {"fontSize", 15},
               {"subtitleFontSize", 11}, {"subtitlePadding", 5}, {"offset", 14}};
    return {{"background", page ? json(nullptr) : json("#ffffff")},
            {"font", "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"},
            {"view", {{"stroke", nullptr}}},
            {"axis", axis},
            {"axisXDiscrete", {{"grid", false}}},
            {"legend", legend},
            {"header", header},
            {"title", title},
            {"bar", {{"color", look_at(0).colour}}},
            {"line", {{"color", look_at(0).colour}}},
            {"area", {{"color", look_at(0).colour}}},
            {"point", {{"color", look_at(0).colour}}}};
}

}  // namespace plumb::report
