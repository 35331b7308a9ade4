// SPDX-License-Identifier: Apache-2.0
// Reading members of a TOML table that a person wrote: every mistake is a usage error with file, line and column, the nearest name and what
// is allowed.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/schema.h"
#include "toml++/toml.h"

namespace plumb::lab {

/// One TOML file: turns positions into the text that starts an error and the text that is kept as origin.
class TomlFile {
  public:
    /// Parses `text`; `name` is the path as people know it. Throws usage with the parser's reason.
    TomlFile(std::string name, std::string_view text);

    const toml::table& root() const { return root_; }
    /// "studies/demo.toml:12"
    std::string origin(const toml::source_region& source) const;
    /// "studies/demo.toml:12:3: message" as a usage error.
    [[noreturn]] void refuse(const toml::source_region& source, const std::string& message, const std::string& hint) const;

  private:
    std::string name_;
    toml::table root_;
};

/// View of one table; `what` names it in errors: "[[experiment]]".
class TomlFields {
  public:
    TomlFields(const TomlFile& file, const toml::table& table, std::string what);

    const TomlFile& file() const { return file_; }
    const toml::source_region& source() const { return table_.source(); }
    /// Throws for the first key of the table that is not among `allowed`.
    void allow_only(const std::vector<std::string>& allowed) const;
    /// Keys in the order of the file: a TOML table forgets it, positions do not.
    std::vector<const toml::key*> keys() const;
    const toml::node* find(std::string_view key) const;
    /// Throws naming the key and an example when it is absent.
    const toml::node& require(std::string_view key, std::string_view example) const;
    /// Position of the value, or of the table where the key is absent.
    const toml::source_region& source_of(std::string_view key) const;
    [[noreturn]] void refuse(std::string_view key, const std::string& message, const std::string& hint) const;

    // nullopt (or empty) when the key is absent; a value of another type is an error.
    std::optional<std::string> text(std::string_view key) const;
    std::optional<std::int64_t> integer(std::string_view key) const;
    std::optional<double> real(std::string_view key) const;
    std::optional<bool> boolean(std::string_view key) const;
    std::optional<double> seconds(std::string_view key) const;      ///< "2 s" or a number of seconds
    std::optional<std::int64_t> bytes(std::string_view key) const;  ///< "2 GiB" or a number of bytes
    std::vector<std::string> texts(std::string_view key) const;
    std::optional<TomlFields> table(std::string_view key, std::string what) const;
    /// [[key]] blocks.
    std::vector<TomlFields> tables(std::string_view key, std::string_view what) const;

  private:
    template <class Read>
    auto with_unit(std::string_view key, const std::string& text, Read read) const;

    const TomlFile& file_;
    const toml::table& table_;
    std::string what_;
};

/// The values of a parameter from a value, a list, or (not for text) the text of a list or range as on the command line.
std::vector<Value> read_values(const TomlFile& file, const Schema& schema, const std::string& key, const toml::node& node);

}  // namespace plumb::lab
