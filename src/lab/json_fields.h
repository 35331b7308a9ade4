// SPDX-License-Identifier: Apache-2.0
// Reading members of JSON that may come from a damaged or foreign file: every mistake is a usage error that names the thing and the member.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

/// View of one JSON object. `what` names it in errors: "a figure". The object must outlive the view.
class JsonFields {
  public:
    /// Throws usage when `object` is not a JSON object.
    JsonFields(const nlohmann::json& object, std::string what);

    /// The member, or nullptr.
    const nlohmann::json* find(std::string_view key) const;
    /// Each throws usage when the member is absent or of another type.
    const nlohmann::json& member(std::string_view key) const;
    const nlohmann::json& array(std::string_view key) const;
    std::string text(std::string_view key) const;
    bool boolean(std::string_view key) const;
    std::int64_t integer(std::string_view key) const;
    std::uint64_t natural(std::string_view key) const;
    double real(std::string_view key) const;
    std::vector<std::string> texts(std::string_view key) const;

  private:
    [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;
    const nlohmann::json& object_;
    std::string what_;
};

/// One table per enumeration gives both directions, so that they cannot disagree.
template <class Enum>
using EnumNames = std::span<const std::pair<Enum, std::string_view>>;

template <class Enum>
std::string_view enum_name(EnumNames<Enum> names, Enum value) {
    for (const auto& [known, name] : names) {
        if (known == value) return name;
    }
    throw base::Error(base::ErrorKind::internal, "an enumeration value has no name");
}

/// Throws usage with the nearest name and all names: "no mark 'bras'".
template <class Enum>
Enum enum_value(EnumNames<Enum> names, std::string_view text, std::string_view what) {
    std::vector<std::string> all;
    for (const auto& [known, name] : names) {
        if (name == text) return known;
        all.emplace_back(name);
    }
    throw base::Error(base::ErrorKind::usage, "no " + std::string(what) + " '" + std::string(text) + "'", base::suggest(text, all));
}

}  // namespace plumb::lab
