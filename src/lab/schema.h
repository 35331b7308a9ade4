// SPDX-License-Identifier: Apache-2.0
// Typed parameters of a family and the values they take. A family declares a Schema; study files and the command line are read against it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nlohmann/json_fwd.hpp"

namespace plumb::lab {

enum class Type { boolean, integer, real, text, bytes, seconds };
std::string_view name(Type type);

/// boolean -> bool; integer and bytes -> int64; real and seconds -> double; text -> string.
using Value = std::variant<bool, std::int64_t, double, std::string>;

struct Parameter {
    std::string name;
    std::string help;  ///< one sentence, lower case, no full stop
    Type type = Type::integer;
    std::string unit;  ///< "" where the type says it all
    Value default_value;
    std::vector<Value> choices;  ///< empty: any value of the type
    double low = -1e308;         ///< inclusive bounds of numbers
    double high = 1e308;
};

/// One named value: an element of a point, of a filter, of an override.
struct Setting {
    std::string name;
    Value value;
    bool operator==(const Setting&) const = default;
};
using Settings = std::vector<Setting>;

/// The value of `name`, or nullptr.
const Value* find(const Settings& settings, std::string_view name);

class Schema {
  public:
    Schema() = default;
    explicit Schema(std::vector<Parameter> parameters);

    const std::vector<Parameter>& parameters() const { return parameters_; }
    /// Throws usage with the nearest name and all names when unknown.
    const Parameter& at(std::string_view name) const;
    bool contains(std::string_view name) const;
    /// Reads one value as a user types it ("4KiB", "true", "causal"). Throws usage naming parameter, text, type and allowed values.
    Value parse(std::string_view name, std::string_view text) const;
    /// Checks a typed value (from TOML or JSON): converts integer -> real/seconds, text -> bytes/seconds; throws like parse.
    Value check(std::string_view name, const Value& value) const;
    /// Every parameter in schema order, defaults filled in. Throws usage for unknown names.
    Settings complete(const Settings& given) const;

  private:
    std::vector<Parameter> parameters_;
};

/// As a user would type it; bytes and seconds with their unit.
std::string format(const Value& value, Type type = Type::text);
nlohmann::json to_json(const Value& value);
Value value_from_json(const nlohmann::json& json);
/// [[name, value], ...], since a JSON object would lose the order.
nlohmann::json to_json(const Settings& settings);
Settings settings_from_json(const nlohmann::json& json);

}  // namespace plumb::lab
