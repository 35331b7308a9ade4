// SPDX-License-Identifier: Apache-2.0
// Text helpers, see text.h.
#include "base/text.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace plumb::base {
namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return result;
}

char closing_of(char opening) {
    return opening == '(' ? ')' : opening == '[' ? ']' : '\0';
}

[[noreturn]] void throw_unbalanced(std::string_view text, char bracket) {
    throw Error(ErrorKind::usage, "'" + std::string(text) + "' has a '" + std::string(1, bracket) + "' without its partner",
                "close it, or put the whole value in quotes");
}

}  // namespace

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (std::size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator, start)) {
        parts.emplace_back(text.substr(start, end - start));
        start = end + 1;
    }
    parts.emplace_back(text.substr(start));
    return parts;
}

std::vector<std::string> split_outside_brackets(std::string_view text, char separator) {
    std::vector<std::string> parts(1);
    std::string expected;  // closing brackets still to come, innermost last
    std::string opened;
    char quote = '\0';
    for (const char letter : text) {
        if (quote != '\0') {
            if (letter == quote) quote = '\0';
        } else if (letter == '"' || letter == '\'') {
            quote = letter;
        } else if (closing_of(letter) != '\0') {
            expected.push_back(closing_of(letter));
            opened.push_back(letter);
        } else if (letter == ')' || letter == ']') {
            if (expected.empty() || expected.back() != letter) throw_unbalanced(text, letter);
            expected.pop_back();
            opened.pop_back();
        } else if (letter == separator && expected.empty()) {
            parts.emplace_back();
            continue;
        }
        parts.back().push_back(letter);
    }
    if (quote != '\0') throw_unbalanced(text, quote);
    if (!opened.empty()) throw_unbalanced(text, opened.back());
    return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
    std::string result;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) result += separator;
        result += parts[i];
    }
    return result;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Optimal string alignment: three rows of the table are enough, since a transposition looks two rows back.
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, substituted});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    const std::string* best = nullptr;
    std::size_t best_distance = 0;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(lower(word), lower(candidate));
        if (distance * 3 > std::max(word.size(), candidate.size())) continue;
        if (best == nullptr || distance < best_distance) {
            best = &candidate;
            best_distance = distance;
        }
    }
    return best == nullptr ? std::string() : *best;
}

std::string suggest(std::string_view word, std::span<const std::string> candidates) {
    if (candidates.empty()) return {};
    const std::string meant = nearest(word, candidates);
    return (meant.empty() ? "" : "did you mean '" + meant + "'? ") + "allowed: " + join(candidates, ", ");
}

std::string shell_quote(std::string_view word) {
    const auto harmless = [](unsigned char letter) {
        return std::isalnum(letter) != 0 || std::string_view("_@%+=:,./-").find(static_cast<char>(letter)) != std::string_view::npos;
    };
    if (!word.empty() && std::all_of(word.begin(), word.end(), harmless)) return std::string(word);
    std::string quoted = "'";
    for (const char letter : word) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return quoted + "'";
}

}  // namespace plumb::base
