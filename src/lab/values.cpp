// SPDX-License-Identifier: Apache-2.0
// The grammar of key=value words: see study.h for what people may type.
#include "lab/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "lab/study.h"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void refuse(std::string_view key, std::string_view text, std::string_view why, std::string hint) {
    throw Error(ErrorKind::usage, fmt::format("{} = {}: {}", key, text.empty() ? "''" : text, why), std::move(hint));
}

[[noreturn]] void refuse_count(std::string_view key, std::string_view text) {
    refuse(key, text, fmt::format("more than {} values", most_values), "take a larger step or factor, or a shorter range");
}

/// "first..last", "first..last+step", "first..last*factor".
struct Range {
    std::string first;
    std::string last;
    std::optional<std::string> step;
    std::optional<double> factor;
};

class RangeReader {
  public:
    RangeReader(const Schema& schema, const Parameter& parameter, std::string_view text)
        : schema_(schema), parameter_(parameter), text_(text) {}

    std::vector<Value> values() {
        const Range range = read();
        const Value first = schema_.parse(parameter_.name, range.first);
        const Value last = schema_.parse(parameter_.name, range.last);
        if (last < first) refuse_range("the range is empty", "the first value must not be above the last");
        if (range.factor && !(first > zero()))
            refuse_range("a geometric range must begin above 0", "begin at 1, or use a step: first..last+step");
        if (std::holds_alternative<std::int64_t>(first)) {
            const std::int64_t low = std::get<std::int64_t>(first), high = std::get<std::int64_t>(last);
            return range.factor ? geometric(low, high, *range.factor) : stepped(low, high, integer_step(range));
        }
        const double low = std::get<double>(first), high = std::get<double>(last);
        return range.factor ? geometric(low, high, *range.factor) : stepped(low, high, real_step(range));
    }

  private:
    [[noreturn]] void refuse_range(std::string_view why, std::string hint) const { refuse(parameter_.name, text_, why, std::move(hint)); }

    Value zero() const { return parameter_.type == Type::integer || parameter_.type == Type::bytes ? Value(std::int64_t{0}) : Value(0.0); }

    Range read() const {
        const std::size_t dots = text_.find("..");
        Range range;
        range.first = base::trim(text_.substr(0, dots));
        const std::string_view rest = text_.substr(dots + 2);
        if (rest.find("..") != std::string_view::npos)
            refuse_range("a range has one '..'", "write first..last, first..last+step or first..last*factor");
        if (const std::size_t star = rest.find('*'); star != std::string_view::npos) {
            range.last = base::trim(rest.substr(0, star));
            range.factor = read_factor(base::trim(rest.substr(star + 1)));
        } else if (const std::size_t plus = step_sign(rest); plus != std::string_view::npos) {
            range.last = base::trim(rest.substr(0, plus));
            range.step = base::trim(rest.substr(plus + 1));
        } else {
            range.last = base::trim(rest);
            if (parameter_.type == Type::bytes) refuse_range("a range of bytes needs a step or a factor", "for example 4KiB..16MiB*4");
        }
        if (range.first.empty() || range.last.empty()) refuse_range("a range needs both ends", "write first..last, for example 1..9");
        return range;
    }

    // A '+' after the 'e' of a number belongs to its exponent: 1e+3.
    static std::size_t step_sign(std::string_view rest) {
        for (std::size_t i = 1; i < rest.size(); ++i) {
            const bool exponent = i >= 2 && (rest[i - 1] == 'e' || rest[i - 1] == 'E') && rest[i - 2] >= '0' && rest[i - 2] <= '9';
            if (rest[i] == '+' && !exponent) return i;
        }
        return std::string_view::npos;
    }

    double read_factor(std::string_view text) const {
        double factor = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
        const bool number = error == std::errc() && end == text.data() + text.size() && std::isfinite(factor);
        if (!number || factor <= 1) refuse_range("the factor must be a number above 1", "for example 32..8192*2");
        return factor;
    }

    template <class Number>
    Number step_with_unit(const std::string& step, Number (*parse)(std::string_view)) const {
        try {
            return parse(step);
        } catch (const Error& error) {
            refuse_range(error.what(), error.hint());
        }
    }

    std::int64_t integer_step(const Range& range) const {
        if (!range.step) return 1;
        std::int64_t step = 0;
        if (parameter_.type == Type::bytes) {
            step = step_with_unit(*range.step, base::parse_bytes);
        } else {
            const auto [end, error] = std::from_chars(range.step->data(), range.step->data() + range.step->size(), step);
            if (error != std::errc() || end != range.step->data() + range.step->size()) step = 0;
        }
        if (step <= 0) refuse_range("the step must be an integer above 0", "for example 1..9+2");
        return step;
    }

    double real_step(const Range& range) const {
        if (!range.step) return 1;
        double step = 0;
        if (parameter_.type == Type::seconds) {
            step = step_with_unit(*range.step, base::parse_seconds);
        } else {
            const auto [end, error] = std::from_chars(range.step->data(), range.step->data() + range.step->size(), step);
            if (error != std::errc() || end != range.step->data() + range.step->size() || !std::isfinite(step)) step = 0;
        }
        if (step <= 0) refuse_range("the step must be a number above 0", "for example 0.1..0.5+0.1");
        return step;
    }

    Value checked(const Value& value) const { return schema_.check(parameter_.name, value); }

    std::vector<Value> stepped(std::int64_t low, std::int64_t high, std::int64_t step) const {
        // Unsigned, since high - low may not fit a signed number.
        const std::uint64_t steps = (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)) / static_cast<std::uint64_t>(step);
        if (steps >= most_values) refuse_count(parameter_.name, text_);
        std::vector<Value> values;
        for (std::uint64_t i = 0; i <= steps; ++i) values.push_back(checked(low + static_cast<std::int64_t>(i) * step));
        return values;
    }

    std::vector<Value> stepped(double low, double high, double step) const {
        const double steps = std::floor((high - low) / step + 1e-9);
        if (!(steps < static_cast<double>(most_values))) refuse_count(parameter_.name, text_);
        std::vector<Value> values;
        for (int i = 0; i <= static_cast<int>(steps); ++i)
            values.push_back(checked(i == 0 ? low : std::min(high, fifteen_digits(low + i * step))));
        return values;
    }

    // 0.1 + 2 * 0.1 is not the double nearest to 0.3: rounding gives the value that a person would have typed, and so the same point.
    static double fifteen_digits(double value) {
        const std::string text = fmt::format("{:.15g}", value);
        double rounded = value;
        std::from_chars(text.data(), text.data() + text.size(), rounded);
        return rounded;
    }

    int geometric_steps(double low, double high, double factor) const {
        const double steps = std::floor(std::log(high / low) / std::log(factor) + 1e-9);
        if (!(steps < static_cast<double>(most_values))) refuse_count(parameter_.name, text_);
        return static_cast<int>(steps);
    }

    std::vector<Value> geometric(std::int64_t low, std::int64_t high, double factor) const {
        const int steps = geometric_steps(static_cast<double>(low), static_cast<double>(high), factor);
        std::vector<Value> values;
        for (int i = 0; i <= steps; ++i) {
            const double exact = static_cast<double>(low) * std::pow(factor, i);
            // Above 2^62 a double may round past the end of the type; the range ends there anyway.
            const std::int64_t value = i == 0            ? low
                                       : exact >= 4.6e18 ? high
                                                         : std::min(high, static_cast<std::int64_t>(std::llround(exact)));
            if (values.empty() || values.back() != Value(value)) values.push_back(checked(value));
        }
        return values;
    }

    std::vector<Value> geometric(double low, double high, double factor) const {
        const int steps = geometric_steps(low, high, factor);
        std::vector<Value> values;
        for (int i = 0; i <= steps; ++i) {
            values.push_back(checked(i == 0 ? low : std::min(high, fifteen_digits(low * std::pow(factor, i)))));
        }
        return values;
    }

    const Schema& schema_;
    const Parameter& parameter_;
    std::string_view text_;
};

std::vector<std::string> split_list(std::string_view key, std::string_view text) {
    try {
        return base::split_outside_brackets(text, ',');
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, fmt::format("{} = {}", key, error.what()), error.hint());
    }
}

std::vector<Value> read_tuple(const Schema& schema, const std::vector<std::string>& keys, std::string_view item) {
    const std::string names = fmt::format("({})", fmt::join(keys, ","));
    const std::string_view tuple = base::trim(item);
    if (tuple.size() < 2 || tuple.front() != '(' || tuple.back() != ')') {
        refuse(names, tuple, "each item must be a tuple in brackets", fmt::format("write {}=(a,1),(b,2)", names));
    }
    const std::vector<std::string> parts = split_list(names, tuple.substr(1, tuple.size() - 2));
    if (parts.size() != keys.size()) {
        refuse(names, tuple, fmt::format("{} values for {} keys", parts.size(), keys.size()),
               fmt::format("give one value for each of {}", names));
    }
    std::vector<Value> row;
    for (std::size_t i = 0; i < keys.size(); ++i) row.push_back(schema.parse(keys[i], unquote(base::trim(parts[i]))));
    return row;
}

}  // namespace

std::string as_typed(const Value& value, Type type) {
    const std::string text = format(value, type);
    if (!std::holds_alternative<std::string>(value)) return text;
    if (!text.empty() && text.find_first_of(",()[]'\" \t\n") == std::string::npos) return text;
    const char quote = text.find('"') == std::string::npos ? '"' : '\'';
    return quote + text + quote;
}

std::string as_typed(const Schema& schema, const std::vector<std::string>& keys, const std::vector<std::vector<Value>>& rows) {
    std::vector<std::string> items;
    for (const std::vector<Value>& row : rows) {
        std::vector<std::string> parts;
        for (std::size_t i = 0; i < keys.size(); ++i) parts.push_back(as_typed(row[i], schema.at(keys[i]).type));
        items.push_back(keys.size() == 1 ? parts.front() : fmt::format("({})", base::join(parts, ",")));
    }
    return base::join(items, ",");
}

std::string_view unquote(std::string_view text, bool* quoted) {
    const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front() &&
                           text.find(text.front(), 1) == text.size() - 1;
    if (quoted != nullptr) *quoted = is_quoted;
    return is_quoted ? text.substr(1, text.size() - 2) : text;
}

bool takes_ranges(Type type) {
    return type != Type::text && type != Type::boolean;
}

std::vector<Value> expand_values(const Schema& schema, const std::string& key, std::string_view text) {
    const Parameter& parameter = schema.at(key);
    std::vector<Value> values;
    for (const std::string& part : split_list(key, text)) {
        const std::string_view item = base::trim(part);
        bool quoted = false;
        const std::string_view content = unquote(item, &quoted);
        if (item.empty()) refuse(key, text, "a value is missing", fmt::format("write {}=value; '' in quotes is the empty text", key));
        if (!quoted && takes_ranges(parameter.type) && item.find("..") != std::string_view::npos) {
            const std::vector<Value> range = RangeReader(schema, parameter, item).values();
            values.insert(values.end(), range.begin(), range.end());
        } else {
            values.push_back(schema.parse(key, content));
        }
        if (values.size() > most_values) refuse_count(key, "(a list)");
    }
    return values;
}

std::vector<std::vector<Value>> rows_of_columns(const std::vector<std::string>& keys, const std::vector<std::vector<Value>>& columns) {
    for (std::size_t i = 1; i < columns.size(); ++i) {
        if (columns[i].size() == columns[0].size()) continue;
        throw Error(ErrorKind::usage,
                    fmt::format("zip of {}: {} values of {} against {} of {}", fmt::join(keys, ", "), columns[0].size(), keys[0],
                                columns[i].size(), keys[i]),
                    "keys that vary together need the same number of values");
    }
    std::vector<std::vector<Value>> rows(columns.empty() ? 0 : columns[0].size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (const std::vector<Value>& column : columns) rows[row].push_back(column[row]);
    }
    return rows;
}

std::vector<std::vector<Value>> expand_zip(const Schema& schema, const std::vector<std::string>& keys, std::string_view text) {
    if (base::trim(text).starts_with('(')) {
        std::vector<std::vector<Value>> rows;
        for (const std::string& item : split_list(fmt::format("({})", fmt::join(keys, ",")), text))
            rows.push_back(read_tuple(schema, keys, item));
        if (rows.size() > most_values) refuse_count(fmt::format("({})", fmt::join(keys, ",")), "(a list)");
        return rows;
    }
    std::vector<std::vector<Value>> columns;
    for (const std::string& key : keys) columns.push_back(expand_values(schema, key, text));
    return rows_of_columns(keys, columns);
}

}  // namespace plumb::lab
