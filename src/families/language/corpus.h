// SPDX-License-Identifier: Apache-2.0
// A split of a corpus as one stream of ids, and what per-word and per-byte figures count. Sources: a file of a data set
// ("wikitext-2/train.ids"), or the path of a file of ids (npz or npy: `tokens`, and `sizes`, the ids of each line) or of UTF-8 text, plain
// or Zstandard. Of a text, blank lines are left out and every other line is tokenized alone; nothing stands for the end of a line.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "families/language/tokenizer.h"

namespace plumb::families::language {

struct Corpus {
    std::string source;
    std::vector<Id> ids;
    std::vector<std::int64_t> line_sizes;  ///< ids of each line that is not blank, in order; they add up to ids.size()
    std::string text;                      ///< what was tokenized; empty where the source is ids
    std::string companion;                 ///< ids of a data set, X.ids: the text X.txt of the same lines; empty where there is none
};

/// Reads and, where it is text, tokenizes. One copy is shared by all that use it. Throws missing for what cannot be read, failed where a
/// text is no UTF-8 or ids do not fit the tokenizer, unsupported where there are fewer than two ids.
std::shared_ptr<const Corpus> load_corpus(const std::string& source);
/// Digests of what load_corpus() would read: {name: hex}. Throws missing.
std::map<std::string, std::string> digest_corpus(const std::string& source);

/// Tokenizes a text into `ids` and `line_sizes`.
Corpus tokenize(std::string source, std::string text, Tokenizer& tokenizer);
/// Ids from an npz or npy file, held against the tokenizer's size.
Corpus read_ids(std::string source, const std::filesystem::path& file, std::size_t vocabulary);
/// The npz that read_ids() reads, which is that of the assignment: `tokens` uint16, `sizes` int64.
void write_ids(const std::filesystem::path& file, const Corpus& corpus);

/// The first `ids` of a corpus, the last line perhaps cut. It has neither text nor companion.
Corpus first_ids(const Corpus& corpus, std::int64_t ids);

/// The lines of `text` that hold anything but blanks, without their line feeds.
std::vector<std::string_view> lines_of(std::string_view text);
/// The ids of every line.
std::vector<std::span<const Id>> lines_of(const Corpus& corpus);
/// Every line decoded, each with a line feed.
std::string decoded_text(const Corpus& corpus, const Tokenizer& tokenizer);

/// What figures per word and per byte divide by.
struct Counts {
    std::optional<std::int64_t> words;  ///< words between blanks of the text or of its companion; nothing where neither is here
    std::optional<std::int64_t> bytes;  ///< of the text, line feeds and blank lines too; nothing where the source is ids
    std::int64_t split_words = 0;       ///< ends of words among the ids: each punctuation mark is a word
    std::int64_t decoded_bytes = 0;     ///< of decoded_text()
};
Counts count(const Corpus& corpus, const Tokenizer& tokenizer);

}  // namespace plumb::families::language
