// SPDX-License-Identifier: Apache-2.0
#include "report/packed_json.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace plumb::report {
namespace {

using nlohmann::json;

constexpr std::size_t shortest_shared = 3;  // a reference is as long as a shorter string

std::string base36(std::size_t number) {
    std::string digits;
    do {
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
        number /= 36;
    } while (number > 0);
    std::ranges::reverse(digits);
    return digits;
}

class Packer {
  public:
    explicit Packer(const json& whole) { count(whole); }

    json pack(const json& value) {
        if (value.is_string()) {
            return text(value.get_ref<const std::string&>());
        }
        if (value.is_array()) {
            json array{-1};
            for (const json& element : value) {
                array.push_back(pack(element));
            }
            return array;
        }
        if (value.is_object()) {
            json object = json::array({shape_of(value)});
            for (const json& element : value) {
                object.push_back(pack(element));
            }
            return object;
        }
        return value;
    }

    json shapes = json::array();
    json strings = json::array();

  private:
    void count(const json& value) {
        if (value.is_string()) {
            ++uses_[value.get_ref<const std::string&>()];
        } else if (value.is_structured()) {
            for (const json& element : value) {
                count(element);
            }
        }
    }

    std::string text(const std::string& string) {
        if (string.size() < shortest_shared || uses_[string] < 2) {
            return "$" + string;
        }
        const auto [known, is_new] = string_numbers_.try_emplace(string, strings.size());
        if (is_new) {
            strings.push_back(string);
        }
        return "#" + base36(known->second);
    }

    std::size_t shape_of(const json& object) {
        std::vector<std::string> keys;
        for (const auto& [key, value] : object.items()) {
            keys.push_back(key);
        }
        const auto [known, is_new] = shape_numbers_.try_emplace(keys, shapes.size());
        if (is_new) {
            shapes.push_back(keys);
        }
        return known->second;
    }

    std::unordered_map<std::string, std::size_t> uses_;
    std::unordered_map<std::string, std::size_t> string_numbers_;
    std::map<std::vector<std::string>, std::size_t> shape_numbers_;
};

json unpack(const json& value, const json& shapes, const json& strings) {
    if (value.is_string()) {
        const std::string text = value.get<std::string>();
        return text.at(0) == '#' ? strings.at(std::stoul(text.substr(1), nullptr, 36)) : json(text.substr(1));
    }
    if (!value.is_array()) {
        return value;
    }
    const auto shape = value.at(0).get<std::int64_t>();
    json whole = shape < 0 ? json::array() : json::object();
    for (std::size_t i = 1; i < value.size(); ++i) {
        json element = unpack(value[i], shapes, strings);
        if (shape < 0) {
            whole.push_back(std::move(element));
        } else {
            whole[shapes.at(static_cast<std::size_t>(shape)).at(i - 1).get<std::string>()] = std::move(element);
        }
    }
    return whole;
}

}  // namespace

json packed(const json& whole) {
    Packer packer(whole);
    json root = packer.pack(whole);
    return {{"shapes", std::move(packer.shapes)}, {"strings", std::move(packer.strings)}, {"root", std::move(root)}};
}

json unpacked(const json& packed_json) {
    try {
        return unpack(packed_json.at("root"), packed_json.at("shapes"), packed_json.at("strings"));
    } catch (const std::exception& problem) {
        throw base::Error(base::ErrorKind::usage, std::string("no packed JSON: ") + problem.what());
    }
}

}  // namespace plumb::report
