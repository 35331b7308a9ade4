// SPDX-License-Identifier: Apache-2.0
// Values as people type them, shared by study files and the command line: lists, ranges, zips, quoting. The grammar stands in study.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lab/schema.h"

namespace plumb::lab {

/// No axis may have more values than this: a larger one is a slip of the pen, not an experiment.
constexpr std::size_t most_values = 100'000;

/// One value as part of a key=value word: like format(), in quotes where commas, brackets, blanks or quotes would be misread.
std::string as_typed(const Value& value, Type type);
/// The right-hand side that gives these rows to these keys: "a,b" for one key, "(a,1),(b,2)" for more.
std::string as_typed(const Schema& schema, const std::vector<std::string>& keys, const std::vector<std::vector<Value>>& rows);
/// Removes one pair of quotes around the whole of `text`; `quoted` tells whether there was one.
std::string_view unquote(std::string_view text, bool* quoted = nullptr);
/// True for the types whose text may be a range: numbers, bytes, durations.
bool takes_ranges(Type type);

/// Rows of a zip: "(a,1),(b,2)" gives two rows of two values, "32..8192*2" the same value for every key. Throws usage naming keys and text.
std::vector<std::vector<Value>> expand_zip(const Schema& schema, const std::vector<std::string>& keys, std::string_view text);
/// Turns one column per key, of equal length, into rows. Throws usage when the lengths differ.
std::vector<std::vector<Value>> rows_of_columns(const std::vector<std::string>& keys, const std::vector<std::vector<Value>>& columns);

}  // namespace plumb::lab
