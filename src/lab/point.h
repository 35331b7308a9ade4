// SPDX-License-Identifier: Apache-2.0
// The identity of one measured thing.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/schema.h"

namespace plumb::lab {

struct Point {
    std::string family;
    int family_version = 1;
    Settings settings;  ///< every parameter of the family, in schema order
    std::map<std::string, std::string>
        inputs;  ///< input name -> digest of its content; generated inputs need none (the seed is their identity)
    std::uint64_t seed = 0;
    int repeat = 0;  ///< 0-based index among the repeats; repeats use different random numbers

    /// 32 hex digits over all of the above: the same hash is the same experiment. XXH3-128 of a canonical JSON text (point.cpp), so equal
    /// on every machine and independent of the order of the settings.
    std::string hash() const;
    /// First 8 digits, as shown to people.
    std::string short_hash() const;
    /// "impl=fused mask=causal": the named settings, or those that differ from the schema's defaults where no name is given ("defaults"
    /// when none does).
    std::string describe(const Schema& schema, const std::vector<std::string>& names = {}) const;
};

/// {"family", "family_version", "settings": [[name, value], ...], "inputs": {name: digest}, "seed", "repeat", "hash"}.
nlohmann::json to_json(const Point& point);
/// The hash is not read: it follows from the rest. Throws usage naming what is missing or of the wrong type.
Point point_from_json(const nlohmann::json& json);

}  // namespace plumb::lab
