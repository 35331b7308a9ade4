// SPDX-License-Identifier: Apache-2.0
#include "families/language/byte_pairs.h"

#include <utf8proc.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <queue>

#include "base/error.h"

namespace plumb::families::language {

namespace {

constexpr std::string_view word_end = "</w>";

[[noreturn]] void damaged(const std::string& what) {
    throw base::Error(base::ErrorKind::failed, "GPT-1's byte pairs: " + what, "plumb data verify gpt1 says whether the files are sound");
}

std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
}

/// The code point that `text` is, or -1 where it is not exactly one.
utf8proc_int32_t only_letter(std::string_view text) {
    utf8proc_int32_t letter = -1;
    const auto size = static_cast<utf8proc_ssize_t>(text.size());
    return size > 0 && utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), size, &letter) == size ? letter : -1;
}

/// The symbols of a word as a list that shrinks: a joined pair lives on at its left place.
struct Place {
    std::uint32_t symbol;
    std::uint32_t before;
    std::uint32_t behind;  ///< nowhere at the end
};
constexpr std::uint32_t nowhere = 0xFFFFFFFF;

/// A pair that can be joined, as it was when it was found.
struct Candidate {
    std::uint32_t rank;
    std::uint32_t at;
    std::uint32_t left;
    std::uint32_t right;
    std::uint32_t joined;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
};

}  // namespace

BytePairs::BytePairs(std::string_view pieces, std::string_view merges) {
    read_pieces(pieces);
    read_merges(merges);
}

void BytePairs::read_pieces(std::string_view text) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) damaged("the pieces are no JSON object");
    if (json.size() >= std::numeric_limits<Id>::max()) damaged(std::to_string(json.size()) + " pieces, more than 16 bits number");
    pieces_.resize(json.size() + 1);
    ends_word_.resize(json.size() + 1);
    std::vector<bool> seen(json.size() + 1);
    for (const auto& [piece, number] : json.items()) {
        if (!number.is_number_unsigned() || number.get<std::uint64_t>() >= json.size()) damaged("piece '" + piece + "' has no number");
        const std::size_t id = number.get<std::size_t>() + 1;
        if (seen[id]) damaged("two pieces have the number " + number.dump());
        seen[id] = true;
        const bool ends = piece.ends_with(word_end);
        const std::string bare = ends ? piece.substr(0, piece.size() - word_end.size()) : piece;
        pieces_[id] = bare;
        ends_word_[id] = ends || id == unknown_id;
        const auto symbol = static_cast<Symbol>(id);
        symbols_.emplace(piece, symbol);
        if (const utf8proc_int32_t letter = only_letter(bare); letter >= 0) {
            Letter& place = letters_.emplace(static_cast<char32_t>(letter), Letter{no_symbol, no_symbol}).first->second;
            (ends ? place.last : place.inside) = symbol;
        }
    }
}

BytePairs::Symbol BytePairs::symbol_of(const std::string& text) {
    return symbols_.emplace(text, static_cast<Symbol>(symbols_.size() + 1)).first->second;
}

void BytePairs::read_merges(std::string_view text) {
    std::uint32_t rank = 0;
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty()) continue;
        const std::size_t blank = line.find(' ');
        if (blank == 0 || blank == std::string_view::npos || blank + 1 == line.size())
            damaged("merge " + std::to_string(rank + 1) + " is '" + std::string(line) + "', not two pieces");
        const std::string left(line.substr(0, blank));
        const std::string right(line.substr(blank + 1));
        const std::uint64_t key = key_of(symbol_of(left), symbol_of(right));
        merges_.emplace(key, Merge{rank++, symbol_of(left + right)});
    }
    if (rank == 0) damaged("the list of merges is empty");
}

BytePairs::Symbol BytePairs::letter_symbol(char32_t c, bool last) const {
    const auto found = letters_.find(c);
    return found == letters_.end() ? no_symbol : last ? found->second.last : found->second.inside;
}

const BytePairs::Merge* BytePairs::merge_of(Symbol left, Symbol right) const {
    if (left == no_symbol || right == no_symbol) return nullptr;
    const auto found = merges_.find(key_of(left, right));
    return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::encode(std::u32string_view word, std::vector<Id>& out) const {
    const auto size = static_cast<std::uint32_t>(word.size());
    std::vector<Place> places(size);
    for (std::uint32_t at = 0; at < size; ++at) {
        const bool last = at + 1 == size;
        places[at] = {letter_symbol(word[at], last), at == 0 ? nowhere : at - 1, last ? nowhere : at + 1};
    }
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](std::uint32_t at, auto&& take) {
        if (at == nowhere || places[at].behind == nowhere) return;
        const Symbol right = places[places[at].behind].symbol;
        if (const Merge* merge = merge_of(places[at].symbol, right))
            take(Candidate{merge->rank, at, places[at].symbol, right, merge->symbol});
    };
    const auto push = [&](const Candidate& candidate) { candidates.push(candidate); };
    for (std::uint32_t at = 0; at < size; ++at) consider(at, push);
    // Of the best pair all occurrences are joined, from the left, before what they make is looked at.
    std::vector<Candidate> made;
    while (!candidates.empty()) {
        const std::uint32_t rank = candidates.top().rank;
        made.clear();
        while (!candidates.empty() && candidates.top().rank == rank) {
            const Candidate candidate = candidates.top();
            candidates.pop();
            Place& left = places[candidate.at];
            if (left.symbol != candidate.left || left.behind == nowhere || places[left.behind].symbol != candidate.right) continue;
            Place& right = places[left.behind];
            left.symbol = candidate.joined;
            left.behind = right.behind;
            right.symbol = no_symbol;
            if (left.behind != nowhere) places[left.behind].before = candidate.at;
            const auto keep = [&](const Candidate& each) { made.push_back(each); };
            consider(left.before, keep);
            consider(candidate.at, keep);
        }
        for (const Candidate& each : made) candidates.push(each);
    }
    for (std::uint32_t at = 0; at != nowhere && at < size; at = places[at].behind)
        out.push_back(places[at].symbol < pieces_.size() ? static_cast<Id>(places[at].symbol) : unknown_id);
}

}  // namespace plumb::families::language
