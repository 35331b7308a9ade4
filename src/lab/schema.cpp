// SPDX-License-Identifier: Apache-2.0
// Reading and checking values against a family's parameters. To add a type: the enum in schema.h, its name, and a case in parse, check and
// format.
#include "lab/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;

std::string_view article_and_name(Type type) {
    switch (type) {
        case Type::boolean:
            return "true or false";
        case Type::integer:
            return "an integer";
        case Type::real:
            return "a number";
        case Type::text:
            return "text";
        case Type::bytes:
            return "a number of bytes";
        case Type::seconds:
            return "a duration";
    }
    return "a value";
}

std::string number_text(const Parameter& parameter, double bound) {
    if (parameter.type == Type::bytes) return base::format_bytes(static_cast<std::int64_t>(bound));
    return base::format_number(bound, 15) + (parameter.type == Type::seconds ? " s" : "");
}

std::string bounds_of(const Parameter& parameter) {
    const bool below = parameter.low > -1e308, above = parameter.high < 1e308;
    if (below && above) return fmt::format("from {} to {}", number_text(parameter, parameter.low), number_text(parameter, parameter.high));
    if (below) return "at least " + number_text(parameter, parameter.low);
    return above ? "at most " + number_text(parameter, parameter.high) : std::string();
}

// What stands behind "allowed:"; the units are told where nothing narrower is known.
std::string allowed_values(const Parameter& parameter) {
    std::string allowed(article_and_name(parameter.type));
    if (const std::string bounds = bounds_of(parameter); !bounds.empty()) allowed += " " + bounds;
    if (parameter.type == Type::bytes) allowed += ", for example 4096, 64KiB or 2MB";
    if (parameter.type == Type::seconds) allowed += ", for example 2, 500ms or 10min";
    return allowed;
}

[[noreturn]] void refuse(const Parameter& parameter, std::string_view text, std::string_view why) {
    std::string hint;
    if (parameter.choices.empty()) {
        hint = "allowed: " + allowed_values(parameter);
    } else {
        std::vector<std::string> choices;
        for (const Value& choice : parameter.choices) choices.push_back(format(choice, parameter.type));
        hint = base::suggest(text, choices);
    }
    throw Error(ErrorKind::usage, fmt::format("{} = {}: {}", parameter.name, text.empty() ? "''" : text, why), hint);
}

[[noreturn]] void refuse_type(const Parameter& parameter, std::string_view text) {
    refuse(parameter, text, fmt::format("not {}", article_and_name(parameter.type)));
}

template <class Number>
Number read_number(const Parameter& parameter, std::string_view text) {
    std::string_view digits = text;
    if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
    Number number{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc::result_out_of_range) refuse(parameter, text, "too large to be stored");
    if (error != std::errc() || end != digits.data() + digits.size()) refuse_type(parameter, text);
    return number;
}

bool read_boolean(const Parameter& parameter, std::string_view text) {
    if (text == "true" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "no" || text == "off") return false;
    refuse_type(parameter, text);
}

Value read_with_unit(const Parameter& parameter, const std::string& text) {
    try {
        if (parameter.type == Type::bytes) return base::parse_bytes(text);
        return base::parse_seconds(text);
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, fmt::format("{} = {}: {}", parameter.name, text.empty() ? "''" : text, error.what()), error.hint());
    }
}

Value convert(const Parameter& parameter, const Value& value) {
    const auto* integer = std::get_if<std::int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    switch (parameter.type) {
        case Type::boolean:
            if (std::holds_alternative<bool>(value)) return value;
            break;
        case Type::integer:
            if (integer != nullptr) return value;
            break;
        case Type::text:
            if (text != nullptr) return value;
            break;
        case Type::bytes:
            if (integer != nullptr) return value;
            if (text != nullptr) return read_with_unit(parameter, *text);
            break;
        case Type::seconds:
            if (text != nullptr) return read_with_unit(parameter, *text);
            [[fallthrough]];
        case Type::real:
            if (integer != nullptr) return static_cast<double>(*integer);
            if (std::holds_alternative<double>(value)) return value;
            break;
    }
    refuse_type(parameter, format(value));
}

bool is_utf8(const std::string& text) {
    try {
        (void)nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

Value check_value(const Parameter& parameter, const Value& given) {
    Value value = convert(parameter, given);
    if (auto* real = std::get_if<double>(&value)) {
        if (!std::isfinite(*real)) refuse(parameter, format(value), "not a finite number");
        if (*real == 0) *real = 0;  // -0 is the same setting as 0 and must have the same hash
    }
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && !is_utf8(*text))
        refuse(parameter, "(bytes)", "not valid UTF-8");

    const auto* integer = std::get_if<std::int64_t>(&value);
    const auto* real = std::get_if<double>(&value);
    if (integer != nullptr || real != nullptr) {
        const double number = integer != nullptr ? static_cast<double>(*integer) : *real;
        if (number < parameter.low || number > parameter.high) refuse(parameter, format(value, parameter.type), "out of bounds");
    }
    if (!parameter.choices.empty() && std::find(parameter.choices.begin(), parameter.choices.end(), value) == parameter.choices.end()) {
        refuse(parameter, format(value, parameter.type), "unknown value");
    }
    return value;
}

bool is_name(std::string_view name) {
    const auto fits = [](unsigned char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
    };
    return !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::all_of(name.begin(), name.end(), fits);
}

// The shortest text that reads back as the same number.
std::string format_seconds_exactly(double seconds) {
    std::string best = fmt::format("{}s", seconds);
    for (const auto& [factor, unit] : {std::pair(1e3, "ms"), std::pair(1e6, "us"), std::pair(1e9, "ns")}) {
        const std::string text = fmt::format("{}{}", seconds * factor, unit);
        if (seconds > 0 && text.size() < best.size() && base::parse_seconds(text) == seconds) best = text;
    }
    return best;
}

}  // namespace

std::string_view name(Type type) {
    switch (type) {
        case Type::boolean:
            return "boolean";
        case Type::integer:
            return "integer";
        case Type::real:
            return "real";
        case Type::text:
            return "text";
        case Type::bytes:
            return "bytes";
        case Type::seconds:
            return "seconds";
    }
    throw Error(ErrorKind::internal, "a parameter type has no name");
}

const Value* find(const Settings& settings, std::string_view name) {
    for (const Setting& setting : settings) {
        if (setting.name == name) return &setting.value;
    }
    return nullptr;
}

Schema::Schema(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        Parameter& parameter = parameters_[i];
        if (!is_name(parameter.name)) {
            throw Error(ErrorKind::internal, fmt::format("parameter name '{}' must be lower-case letters, digits and _", parameter.name));
        }
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            if (parameters_[earlier].name == parameter.name) {
                throw Error(ErrorKind::internal, fmt::format("parameter '{}' is declared twice", parameter.name));
            }
        }
        try {
            // Converted without the choices first: they may be declared as integers of a real parameter.
            std::vector<Value> choices;
            for (const Value& choice : parameter.choices) choices.push_back(convert(parameter, choice));
            parameter.choices = std::move(choices);
            parameter.default_value = check_value(parameter, parameter.default_value);
        } catch (const Error& error) {
            throw Error(ErrorKind::internal, fmt::format("declaration of parameter '{}': {}", parameter.name, error.what()), error.hint());
        }
    }
}

const Parameter& Schema::at(std::string_view name) const {
    for (const Parameter& parameter : parameters_) {
        if (parameter.name == name) return parameter;
    }
    std::vector<std::string> names;
    for (const Parameter& parameter : parameters_) names.push_back(parameter.name);
    throw Error(ErrorKind::usage, fmt::format("no parameter '{}'", name), base::suggest(name, names));
}

bool Schema::contains(std::string_view name) const {
    return std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& parameter) { return parameter.name == name; });
}

Value Schema::parse(std::string_view name, std::string_view text) const {
    const Parameter& parameter = at(name);
    const std::string trimmed(base::trim(text));
    switch (parameter.type) {
        case Type::boolean:
            return check_value(parameter, read_boolean(parameter, trimmed));
        case Type::integer:
            return check_value(parameter, read_number<std::int64_t>(parameter, trimmed));
        case Type::real:
            return check_value(parameter, read_number<double>(parameter, trimmed));
        case Type::text:
            return check_value(parameter, std::string(text));
        case Type::bytes:
        case Type::seconds:
            return check_value(parameter, trimmed);
    }
    throw Error(ErrorKind::internal, fmt::format("parameter '{}' has no type", name));
}

Value Schema::check(std::string_view name, const Value& value) const {
    return check_value(at(name), value);
}

Settings Schema::complete(const Settings& given) const {
    for (std::size_t i = 0; i < given.size(); ++i) {
        (void)at(given[i].name);
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            if (given[earlier].name == given[i].name) {
                throw Error(ErrorKind::usage, fmt::format("parameter '{}' has two values", given[i].name), "give it once");
            }
        }
    }
    Settings complete;
    for (const Parameter& parameter : parameters_) {
        const Value* value = find(given, parameter.name);
        complete.push_back({parameter.name, value == nullptr ? parameter.default_value : check_value(parameter, *value)});
    }
    return complete;
}

std::string format(const Value& value, Type type) {
    if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        if (type != Type::bytes) return fmt::format("{}", *integer);
        std::string text = base::format_bytes(*integer);
        text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
        return text;
    }
    const double real = std::get<double>(value);
    return type == Type::seconds && std::isfinite(real) ? format_seconds_exactly(real) : fmt::format("{}", real);
}

nlohmann::json to_json(const Value& value) {
    return std::visit([](const auto& held) { return nlohmann::json(held); }, value);
}

Value value_from_json(const nlohmann::json& json) {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_float()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    const bool too_large = json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
    if (json.is_number_integer() && !too_large) return json.get<std::int64_t>();
    throw Error(ErrorKind::usage, fmt::format("a value of a parameter must be true, false, a number or text, not {}", json.type_name()));
}

nlohmann::json to_json(const Settings& settings) {
    nlohmann::json json = nlohmann::json::array();
    for (const Setting& setting : settings) json.push_back(nlohmann::json::array({setting.name, to_json(setting.value)}));
    return json;
}

Settings settings_from_json(const nlohmann::json& json) {
    if (!json.is_array())
        throw Error(ErrorKind::usage, fmt::format("settings must be an array of [name, value], not {}", json.type_name()));
    Settings settings;
    for (const nlohmann::json& pair : json) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
            throw Error(ErrorKind::usage, "a setting must be an array of a name and a value");
        }
        settings.push_back({pair[0].get<std::string>(), value_from_json(pair[1])});
    }
    return settings;
}

}  // namespace plumb::lab
