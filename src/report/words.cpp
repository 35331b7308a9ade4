// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "base/statistics.h"
#include "base/units.h"

namespace plumb::report {
namespace {

/// Significant digits with the zeros kept: 1.2 is as exact as 1.37 beside it.
std::string fixed_digits(double value, int digits) {
    if (!std::isfinite(value) || value == 0 || std::abs(value) < 1e-3 || std::abs(value) >= 1e6) {
        return base::format_number(value, digits);
    }
    const int before_point = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
    return fmt::format("{:.{}f}", value, std::max(0, digits - before_point));
}

}  // namespace

std::string quantity_text(double value, std::string_view unit) {
    return std::isnan(value) ? std::string("–") : base::format_quantity(value, unit);
}

std::string interval_text(double low, double high, std::string_view unit) {
    const std::string from = quantity_text(low, unit);
    const std::string to = quantity_text(high, unit);
    const auto unit_start = [](const std::string& text) { return std::min(text.find(' '), text.size()); };
    const std::string_view unit_of_low = std::string_view(from).substr(unit_start(from));
    const std::string_view unit_of_high = std::string_view(to).substr(unit_start(to));
    if (!unit_of_low.empty() && unit_of_low == unit_of_high) {
        return fmt::format("{} – {}", from.substr(0, unit_start(from)), to);
    }
    return fmt::format("{} – {}", from, to);
}

bool stands_in_cells(std::string_view unit) {
    return unit == "s" || unit == "B" || unit == "B/s" || unit == "share";
}

std::string title_with_unit(std::string_view title, std::string_view unit) {
    return unit.empty() || stands_in_cells(unit) ? std::string(title) : fmt::format("{} ({})", title, unit);
}

std::string cell_text(double value, std::string_view unit) {
    return quantity_text(value, stands_in_cells(unit) ? unit : "");
}

std::string cell_interval(double low, double high, std::string_view unit) {
    return interval_text(low, high, stands_in_cells(unit) ? unit : "");
}

std::string times_text(double ratio) {
    return std::isnan(ratio) ? std::string("–") : fixed_digits(ratio, 3) + "×";
}

std::string ratio_interval(double low, double high) {
    int digits = 3;
    while (digits < 6 && low != high && fixed_digits(low, digits) == fixed_digits(high, digits)) {
        ++digits;
    }
    return fmt::format("{} – {}", fixed_digits(low, digits), fixed_digits(high, digits));
}

std::string half_width_text(double value, double low, double high) {
    return fmt::format("±{} %", base::format_number(100 * base::Interval{value, low, high}.relative_half_width(), 2));
}

std::string name_with_unit(std::string_view name, std::string_view unit) {
    if (unit.empty()) {
        return std::string(name);
    }
    std::string suffix;
    for (std::size_t i = 0; i < unit.size(); ++i) {
        if (unit[i] == '/') {
            suffix += 'p';
        } else if (std::isalnum(static_cast<unsigned char>(unit[i]))) {
            suffix += unit[i];
        } else if (!suffix.empty() && suffix.back() != '_') {
            suffix += '_';
        }
    }
    return suffix.empty() ? std::string(name) : fmt::format("{}_{}", name, suffix);
}

std::string count_text(std::size_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

const lab::Parameter* parameter_named(const lab::ViewExperiment& experiment, std::string_view name) {
    const auto found = std::ranges::find(experiment.parameters, name, &lab::Parameter::name);
    return found == experiment.parameters.end() ? nullptr : &*found;
}

const lab::Metric* metric_named(const lab::ViewExperiment& experiment, std::string_view name) {
    const auto found = std::ranges::find(experiment.metrics, name, &lab::Metric::name);
    return found == experiment.metrics.end() ? nullptr : &*found;
}

std::string setting_text(const lab::ViewExperiment& experiment, std::string_view name, const lab::Value& value) {
    const lab::Parameter* parameter = parameter_named(experiment, name);
    return lab::format(value, parameter != nullptr ? parameter->type : lab::Type::text);
}

std::string point_text(const lab::ViewExperiment& experiment, const lab::Point& point) {
    std::string text;
    for (const std::string& name : experiment.varying) {
        if (const lab::Value* value = lab::find(point.settings, name)) {
            text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, setting_text(experiment, name, *value));
        }
    }
    if (point.repeat > 0) {
        text += fmt::format("{}repeat={}", text.empty() ? "" : " ", point.repeat);
    }
    return text.empty() ? experiment.name : text;
}

bool equal_values(const lab::Value& a, const lab::Value& b) {
    if (a == b) {
        return true;
    }
    const bool text = std::holds_alternative<std::string>(a) || std::holds_alternative<std::string>(b);
    return !text && number_of(a) == number_of(b);
}

bool matches(const lab::Settings& settings, const lab::Settings& wanted) {
    return std::ranges::all_of(wanted, [&](const lab::Setting& want) {
        const lab::Value* value = lab::find(settings, want.name);
        return value != nullptr && equal_values(*value, want.value);
    });
}

double number_of(const lab::Value& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
        return static_cast<double>(*whole);
    }
    if (const auto* real = std::get_if<double>(&value)) {
        return *real;
    }
    if (const auto* truth = std::get_if<bool>(&value)) {
        return *truth ? 1 : 0;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

std::string worst_check(const lab::Record& record) {
    if (record.checks.empty()) {
        return {};
    }
    // The enum is declared from good to bad.
    const auto worst = std::ranges::max_element(record.checks, {}, [](const lab::Check& check) { return static_cast<int>(check.status); });
    return std::string(lab::name(worst->status));
}

std::string short_run(std::string_view run) {
    const std::size_t dash = run.find('-');
    return std::string(dash == std::string_view::npos ? run : run.substr(dash + 1));
}

}  // namespace plumb::report
