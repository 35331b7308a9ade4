// SPDX-License-Identifier: Apache-2.0
// GPT-1's byte pair encoding of one word: letters, the last with "</w>", are joined pair by pair in the order of the merge list; each piece
// that is left has an id. Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", 2016.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plumb::families::language {

/// 0 is padding and no piece; k > 0 is entry k - 1 of GPT-1's list of pieces, so 1 is <unk>.
using Id = std::uint16_t;
inline constexpr Id padding_id = 0;
inline constexpr Id unknown_id = 1;

class BytePairs {
  public:
    /// `pieces`: JSON object, piece -> number, every number from 0 to its size - 1 once. `merges`: a version line, then "left right" a
    /// line, the first joined first. Throws failed saying what is wrong with either.
    BytePairs(std::string_view pieces, std::string_view merges);

    /// Ids that there are, padding included: one more than the largest.
    std::size_t size() const { return pieces_.size(); }
    /// Appends the ids of `word`; a letter in no piece becomes <unk>. O(n log n) in the word's length.
    void encode(std::u32string_view word, std::vector<Id>& out) const;
    /// The piece without "</w>"; empty for padding. The id must be below size().
    std::string_view piece(Id id) const { return pieces_[id]; }
    /// Whether the piece ends a word; <unk> does, since it stands for whatever was not known.
    bool ends_word(Id id) const { return ends_word_[id]; }

  private:
    using Symbol = std::uint32_t;  ///< an id, or a number from size() on for what merges make on the way and no id exists for
    struct Merge {
        std::uint32_t rank = 0;
        Symbol symbol = 0;
    };
    struct Letter {
        Symbol inside;
        Symbol last;  ///< with "</w>"
    };
    static constexpr Symbol no_symbol = 0xFFFFFFFF;

    void read_pieces(std::string_view text);
    void read_merges(std::string_view text);
    Symbol symbol_of(const std::string& text);
    Symbol letter_symbol(char32_t c, bool last) const;
    const Merge* merge_of(Symbol left, Symbol right) const;

    std::vector<std::string> pieces_;  ///< by id
    std::vector<bool> ends_word_;
    std::unordered_map<std::string, Symbol> symbols_;
    std::unordered_map<char32_t, Letter> letters_;
    std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace plumb::families::language
