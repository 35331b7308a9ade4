// SPDX-License-Identifier: Apache-2.0
// GPT-1's tokenizer: text -> words (words.h) -> pieces (byte_pairs.h) -> ids, and back. Ids equal those of the assignment's files: GPT-1's
// number + 1, no id for the end of a line. Text is scanned by bytes up to the next blank; what stands between two blanks is looked up in a
// table of those seen before, and only new ones are split and joined.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "families/language/byte_pairs.h"
#include "families/language/words.h"

namespace plumb::families::language {

/// One thread at a time; several tokenizers may share their byte pairs.
class Tokenizer {
  public:
    explicit Tokenizer(std::shared_ptr<const BytePairs> byte_pairs);

    const BytePairs& byte_pairs() const { return *byte_pairs_; }
    /// Ids that there are, padding included.
    std::size_t size() const { return byte_pairs_->size(); }
    /// Appends the ids of `text`, which is UTF-8 (other bytes are dropped). What was tokenized before changes the speed alone.
    void encode(std::string_view text, std::vector<Id>& out);
    /// The words with one blank between: lower case, punctuation marks alone, "<unk>" for what was not known. Padding gives nothing. Throws
    /// usage naming an id that does not exist.
    std::string decode(std::span<const Id> ids) const;
    /// Forgets what was seen before.
    void forget();

  private:
    /// A stretch without blanks, and its ids.
    struct Seen {
        std::uint64_t hash = 0;
        std::uint32_t text = 0;  ///< in texts_
        std::uint32_t ids = 0;   ///< in ids_
        std::uint16_t text_size = 0;
        std::uint16_t id_count = 0xFFFF;  ///< 0xFFFF: an empty place
    };
    void encode_new(std::string_view stretch, std::vector<Id>& out);
    void remember(std::string_view stretch, std::uint64_t hash, std::span<const Id> ids);
    std::size_t place_of(std::string_view stretch, std::uint64_t hash) const;
    void grow();

    std::shared_ptr<const BytePairs> byte_pairs_;
    Words words_;
    std::vector<Seen> table_;  ///< open addressing, size a power of two
    std::size_t count_ = 0;
    std::string texts_;
    std::vector<Id> ids_;
};

/// GPT-1's, of the data set gpt1. Made once, shared by all that use it. Throws missing where the data set is not here.
std::shared_ptr<const BytePairs> gpt1_byte_pairs();

}  // namespace plumb::families::language
