// SPDX-License-Identifier: Apache-2.0
// Typed access to JSON members, see json_fields.h.
#include "lab/json_fields.h"

#include <limits>

namespace plumb::lab {

JsonFields::JsonFields(const nlohmann::json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object.is_object()) throw base::Error(base::ErrorKind::usage, what_ + " must be a JSON object, not " + object.type_name());
}

void JsonFields::refuse(std::string_view key, std::string_view expected) const {
    const nlohmann::json* found = find(key);
    const std::string is = found == nullptr ? "is missing" : std::string("is ") + found->type_name();
    throw base::Error(base::ErrorKind::usage,
                      "member '" + std::string(key) + "' of " + what_ + " " + is + ", expected " + std::string(expected));
}

const nlohmann::json* JsonFields::find(std::string_view key) const {
    const auto found = object_.find(std::string(key));
    return found == object_.end() ? nullptr : &*found;
}

const nlohmann::json& JsonFields::member(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr) refuse(key, "a value");
    return *found;
}

const nlohmann::json& JsonFields::array(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_array()) refuse(key, "an array");
    return *found;
}

std::string JsonFields::text(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_string()) refuse(key, "text");
    return found->get<std::string>();
}

bool JsonFields::boolean(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_boolean()) refuse(key, "true or false");
    return found->get<bool>();
}

std::int64_t JsonFields::integer(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_number_integer()) refuse(key, "an integer");
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (found->is_number_unsigned() && found->get<std::uint64_t>() > most) refuse(key, "an integer below 2^63");
    return found->get<std::int64_t>();
}

std::uint64_t JsonFields::natural(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_number_integer()) refuse(key, "an integer of at least 0");
    if (!found->is_number_unsigned() && found->get<std::int64_t>() < 0) refuse(key, "an integer of at least 0");
    return found->get<std::uint64_t>();
}

double JsonFields::real(std::string_view key) const {
    const nlohmann::json* found = find(key);
    if (found == nullptr || !found->is_number()) refuse(key, "a number");
    return found->get<double>();
}

std::vector<std::string> JsonFields::texts(std::string_view key) const {
    std::vector<std::string> result;
    for (const nlohmann::json& element : array(key)) {
        if (!element.is_string()) refuse(key, "an array of texts");
        result.push_back(element.get<std::string>());
    }
    return result;
}

}  // namespace plumb::lab
