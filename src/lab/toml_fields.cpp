// SPDX-License-Identifier: Apache-2.0
// Typed access to TOML tables, see toml_fields.h.
#include "lab/toml_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "lab/study.h"
#include "lab/values.h"

namespace plumb::lab {
namespace {

using base::Error;
using base::ErrorKind;

std::string type_of(const toml::node& node) {
    std::ostringstream text;
    text << node.type();
    return text.str();
}

}  // namespace

TomlFile::TomlFile(std::string name, std::string_view text) : name_(std::move(name)) {
    try {
        root_ = toml::parse(text, name_);
    } catch (const toml::parse_error& error) {
        refuse(error.source(), std::string(error.description()), "the file must be TOML: key = value lines, texts in quotes");
    }
}

std::string TomlFile::origin(const toml::source_region& source) const {
    return fmt::format("{}:{}", name_, source.begin.line);
}

void TomlFile::refuse(const toml::source_region& source, const std::string& message, const std::string& hint) const {
    // A position of 0 belongs to the file as a whole, as an empty one has no first line.
    const auto line = std::max<unsigned>(1, source.begin.line), column = std::max<unsigned>(1, source.begin.column);
    throw Error(ErrorKind::usage, fmt::format("{}:{}:{}: {}", name_, line, column, message), hint);
}

TomlFields::TomlFields(const TomlFile& file, const toml::table& table, std::string what)
    : file_(file), table_(table), what_(std::move(what)) {}

void TomlFields::allow_only(const std::vector<std::string>& allowed) const {
    for (const toml::key* key : keys()) {
        const std::string name(key->str());
        if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
        file_.refuse(key->source(), fmt::format("unknown key '{}' in {}", name, what_), base::suggest(name, allowed));
    }
}

std::vector<const toml::key*> TomlFields::keys() const {
    std::vector<const toml::key*> keys;
    for (const auto& [key, node] : table_) keys.push_back(&key);
    std::sort(keys.begin(), keys.end(), [](const toml::key* a, const toml::key* b) { return a->source().begin < b->source().begin; });
    return keys;
}

const toml::node* TomlFields::find(std::string_view key) const {
    return table_.get(key);
}

const toml::node& TomlFields::require(std::string_view key, std::string_view example) const {
    if (const toml::node* node = find(key)) return *node;
    file_.refuse(table_.source(), fmt::format("{} has no '{}'", what_, key), fmt::format("write {}", example));
}

const toml::source_region& TomlFields::source_of(std::string_view key) const {
    const toml::node* node = find(key);
    return node == nullptr ? table_.source() : node->source();
}

void TomlFields::refuse(std::string_view key, const std::string& message, const std::string& hint) const {
    file_.refuse(source_of(key), message, hint);
}

std::optional<std::string> TomlFields::text(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const auto value = node->value_exact<std::string>()) return value;
    refuse(key, fmt::format("'{}' must be text, not {}", key, type_of(*node)), fmt::format("write {} = \"...\"", key));
}

std::optional<std::int64_t> TomlFields::integer(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const auto value = node->value_exact<std::int64_t>()) return value;
    refuse(key, fmt::format("'{}' must be an integer, not {}", key, type_of(*node)), fmt::format("write {} = 1", key));
}

std::optional<double> TomlFields::real(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const auto whole = node->value_exact<std::int64_t>()) return static_cast<double>(*whole);
    const auto value = node->value_exact<double>();
    if (!value) refuse(key, fmt::format("'{}' must be a number, not {}", key, type_of(*node)), fmt::format("write {} = 0.01", key));
    if (!std::isfinite(*value)) refuse(key, fmt::format("'{}' must be finite, not {}", key, *value), "leave it away to use the default");
    return value;
}

std::optional<bool> TomlFields::boolean(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const auto value = node->value_exact<bool>()) return value;
    refuse(key, fmt::format("'{}' must be true or false, not {}", key, type_of(*node)), fmt::format("write {} = true", key));
}

template <class Read>
auto TomlFields::with_unit(std::string_view key, const std::string& text, Read read) const {
    try {
        return read(text);
    } catch (const Error& error) {
        refuse(key, fmt::format("'{}': {}", key, error.what()), error.hint());
    }
}

std::optional<double> TomlFields::seconds(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr || !node->is_string()) return real(key);
    return with_unit(key, *text(key), base::parse_seconds);
}

std::optional<std::int64_t> TomlFields::bytes(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr || !node->is_string()) return integer(key);
    return with_unit(key, *text(key), base::parse_bytes);
}

std::vector<std::string> TomlFields::texts(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    std::vector<std::string> result;
    const toml::array* array = node->as_array();
    const std::string hint = fmt::format("write {} = [\"...\"]", key);
    if (array == nullptr) refuse(key, fmt::format("'{}' must be a list of texts, not {}", key, type_of(*node)), hint);
    for (const toml::node& element : *array) {
        const auto value = element.value_exact<std::string>();
        if (!value) file_.refuse(element.source(), fmt::format("'{}' must hold texts, not {}", key, type_of(element)), hint);
        result.push_back(*value);
    }
    return result;
}

std::optional<TomlFields> TomlFields::table(std::string_view key, std::string what) const {
    const toml::node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const toml::table* table = node->as_table()) return TomlFields(file_, *table, std::move(what));
    refuse(key, fmt::format("'{}' must be a table, not {}", key, type_of(*node)), fmt::format("begin it with a line {}", what));
}

std::vector<TomlFields> TomlFields::tables(std::string_view key, std::string_view what) const {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    std::vector<TomlFields> result;
    const toml::array* array = node->as_array();
    const std::string hint = fmt::format("begin each with a line {}", what);
    if (array == nullptr) refuse(key, fmt::format("'{}' must be a list of tables, not {}", key, type_of(*node)), hint);
    for (const toml::node& element : *array) {
        const toml::table* table = element.as_table();
        if (table == nullptr) file_.refuse(element.source(), fmt::format("'{}' must hold tables, not {}", key, type_of(element)), hint);
        result.emplace_back(file_, *table, std::string(what));
    }
    return result;
}

namespace {

std::vector<Value> read_element(const TomlFile& file, const Schema& schema, const std::string& key, const toml::node& node) {
    const Type type = schema.at(key).type;
    if (const auto text = node.value_exact<std::string>()) {
        if (takes_ranges(type)) return expand_values(schema, key, *text);
        return {schema.check(key, *text)};
    }
    if (const auto value = node.value_exact<bool>()) return {schema.check(key, *value)};
    if (const auto value = node.value_exact<std::int64_t>()) return {schema.check(key, *value)};
    if (const auto value = node.value_exact<double>()) return {schema.check(key, *value)};
    file.refuse(node.source(), fmt::format("{} cannot have a value of type {}", key, type_of(node)),
                fmt::format("write one value or a list of values: {} = [a, b]", key));
}

// Adds the position to errors of the schema; those that have one already come from file.refuse and are no part of this.
std::vector<Value> read_located(const TomlFile& file, const Schema& schema, const std::string& key, const toml::node& node) {
    const bool is_plain = node.is_string() || node.is_boolean() || node.is_integer() || node.is_floating_point();
    if (!is_plain) return read_element(file, schema, key, node);
    try {
        return read_element(file, schema, key, node);
    } catch (const Error& error) {
        file.refuse(node.source(), error.what(), error.hint());
    }
}

}  // namespace

std::vector<Value> read_values(const TomlFile& file, const Schema& schema, const std::string& key, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return read_located(file, schema, key, node);
    if (array->empty())
        file.refuse(node.source(), fmt::format("{} has an empty list", key),
                    "give at least one value, or leave the key away for its default");
    std::vector<Value> values;
    for (const toml::node& element : *array) {
        const std::vector<Value> more = read_located(file, schema, key, element);
        values.insert(values.end(), more.begin(), more.end());
        if (values.size() > most_values)
            file.refuse(element.source(), fmt::format("{} has more than {} values", key, most_values), "take a shorter range");
    }
    return values;
}

}  // namespace plumb::lab
