// SPDX-License-Identifier: Apache-2.0
// Identity of a point. Changing canonical() orphans every stored run: the golden hashes in point_test.cpp guard it.
#include "lab/point.h"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "base/digest.h"
#include "lab/json_fields.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

// Reals by their bits: decimal output differs between libraries, the bits of a double do not. An array, so that no text can look the same.
nlohmann::json canonical(const Value& value) {
    const auto* real = std::get_if<double>(&value);
    if (real == nullptr) return to_json(value);
    return nlohmann::json::array({"f64", fmt::format("{:016x}", std::bit_cast<std::uint64_t>(*real))});
}

// An object of nlohmann::json keeps its members sorted by name, bytes of UTF-8 compared.
std::string canonical(const Point& point) {
    nlohmann::json settings = nlohmann::json::object();
    for (const Setting& setting : point.settings) settings[setting.name] = canonical(setting.value);
    const nlohmann::json json = {{"family", point.family}, {"version", point.family_version},
                                 {"settings", settings},   {"inputs", point.inputs},
                                 {"seed", point.seed},     {"repeat", point.repeat}};
    return json.dump();
}

}  // namespace

std::string Point::hash() const {
    return base::xxh3_hex(canonical(*this));
}

std::string Point::short_hash() const {
    return hash().substr(0, 8);
}

std::string Point::describe(const Schema& schema, const std::vector<std::string>& names) const {
    std::vector<std::string> words;
    const auto add = [&](const Parameter& parameter, const Value& value) {
        words.push_back(parameter.name + "=" + as_typed(value, parameter.type));
    };
    for (const std::string& name : names) {
        if (const Value* value = find(settings, name)) add(schema.at(name), *value);
    }
    if (names.empty()) {
        for (const Parameter& parameter : schema.parameters()) {
            const Value* value = find(settings, parameter.name);
            if (value != nullptr && *value != parameter.default_value) add(parameter, *value);
        }
        if (words.empty()) return "defaults";
    }
    return base::join(words, " ");
}

nlohmann::json to_json(const Point& point) {
    return {{"family", point.family}, {"family_version", point.family_version},
            {"inputs", point.inputs}, {"settings", to_json(point.settings)},
            {"seed", point.seed},     {"repeat", point.repeat},
            {"hash", point.hash()}};
}

Point point_from_json(const nlohmann::json& json) {
    const JsonFields fields(json, "a point");
    const auto small = [&](std::string_view key) {
        const std::int64_t value = fields.integer(key);
        if (value < 0 || value > std::numeric_limits<int>::max()) {
            throw base::Error(base::ErrorKind::usage, fmt::format("member '{}' of a point is out of range: {}", key, value));
        }
        return static_cast<int>(value);
    };
    Point point;
    point.family = fields.text("family");
    point.family_version = small("family_version");
    point.settings = settings_from_json(fields.array("settings"));
    point.seed = fields.natural("seed");
    point.repeat = small("repeat");
    const nlohmann::json& inputs = fields.member("inputs");
    const JsonFields digests(inputs, "the inputs of a point");
    for (const auto& [name, digest] : inputs.items()) point.inputs[name] = digests.text(name);
    return point;
}

}  // namespace plumb::lab
