// SPDX-License-Identifier: Apache-2.0
// Text to words, as BERT's basic tokenizer makes them (Devlin et al. 2018; bert/tokenization.py describes it), which GPT-1's tokenizer
// falls back to: control and private characters dropped, every Unicode space a blank, each CJK ideograph and each punctuation mark a word
// of its own, lower case, canonically decomposed, combining marks dropped. "Café, No. 1" becomes "cafe" "," "no" "." "1".
// Character classes are those of utf8proc's Unicode version; a character that it does not know yet is dropped.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::families::language {

/// Words one after the other, as code points.
struct Words {
    std::u32string letters;
    std::vector<std::size_t> ends;  ///< word i ends before letters[ends[i]] and begins where word i - 1 ends

    std::size_t size() const { return ends.size(); }
    std::u32string_view at(std::size_t index) const {
        const std::size_t begin = index == 0 ? 0 : ends[index - 1];
        return std::u32string_view(letters).substr(begin, ends[index] - begin);
    }
};

/// Replaces `words` by those of `text`. Bytes that are no UTF-8 are dropped.
void split_words(std::string_view text, Words& words);

/// The words as UTF-8 with one blank between.
std::string joined(const Words& words);

/// Place of the first byte that is no valid UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace plumb::families::language
