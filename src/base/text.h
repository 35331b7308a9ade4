// SPDX-License-Identifier: Apache-2.0
// Small text helpers that the standard library lacks.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::base {

std::string_view trim(std::string_view text);
/// Splits at every `separator`; "a,,b" gives three parts, "" gives one empty part. Parts are not trimmed.
std::vector<std::string> split(std::string_view text, char separator);
/// Like split, but separators inside (), [] or quotes do not count; throws usage on unbalanced brackets.
std::vector<std::string> split_outside_brackets(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
/// Levenshtein distance with adjacent transposition counted as one edit.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate that a mistyped `word` most likely meant, or empty when none is near (more than a third of its letters wrong).
std::string nearest(std::string_view word, std::span<const std::string> candidates);
/// "did you mean 'x'? allowed: a, b, x" as a hint for an unknown name.
std::string suggest(std::string_view word, std::span<const std::string> candidates);
/// Quotes for a POSIX shell only where needed.
std::string shell_quote(std::string_view word);

}  // namespace plumb::base
