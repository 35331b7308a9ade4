// SPDX-License-Identifier: Apache-2.0
#include "families/language/words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace plumb::families::language {

namespace {

enum class Kind { letter, blank, ideograph, dropped };

bool is_ideograph(char32_t c) {
    // The blocks that BERT names; not Hangul, Hiragana, Katakana.
    static constexpr std::array<std::pair<char32_t, char32_t>, 8> blocks = {{{0x4E00, 0x9FFF},
                                                                             {0x3400, 0x4DBF},
                                                                             {0x20000, 0x2A6DF},
                                                                             {0x2A700, 0x2B73F},
                                                                             {0x2B740, 0x2B81F},
                                                                             {0x2B820, 0x2CEAF},
                                                                             {0xF900, 0xFAFF},
                                                                             {0x2F800, 0x2FA1F}}};
    return c >= 0x3400 && std::ranges::any_of(blocks, [c](const auto& block) { return c >= block.first && c <= block.second; });
}

utf8proc_category_t category(char32_t c) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

Kind kind_of(char32_t c) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return Kind::blank;
    if (c == 0xFFFD) return Kind::dropped;
    switch (category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_CN:
            return Kind::dropped;
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
            return Kind::blank;
        default:
            return is_ideograph(c) ? Kind::ideograph : Kind::letter;
    }
}

bool is_punctuation(char32_t c) {
    // All printable ASCII that is neither letter, digit nor blank counts, also where Unicode calls it a symbol.
    if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    const utf8proc_category_t of = category(c);
    return of >= UTF8PROC_CATEGORY_PC && of <= UTF8PROC_CATEGORY_PO;
}

/// Blanks between words, no blank twice, none at the ends; dropped characters gone.
std::u32string cleaned(std::string_view text) {
    std::u32string clean;
    const auto blank = [&] {
        if (!clean.empty() && clean.back() != ' ') clean += U' ';
    };
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto left = static_cast<utf8proc_ssize_t>(text.size());
    while (left > 0) {
        utf8proc_int32_t read = -1;
        const utf8proc_ssize_t size = std::max<utf8proc_ssize_t>(1, utf8proc_iterate(bytes, left, &read));
        bytes += size;
        left -= size;
        if (read < 0) continue;
        const auto c = static_cast<char32_t>(read);
        const Kind kind = kind_of(c);
        if (kind == Kind::dropped) continue;
        if (kind != Kind::letter) blank();
        if (kind != Kind::blank) clean += c;
        if (kind == Kind::ideograph) blank();
    }
    if (!clean.empty() && clean.back() == ' ') clean.pop_back();
    return clean;
}

bool is_cased(char32_t c) {
    const utf8proc_category_t of = category(c);
    // Roman numerals and letters in circles are no letters by category.
    const auto point = static_cast<utf8proc_int32_t>(c);
    return utf8proc_isupper(point) != 0 || utf8proc_islower(point) != 0 || of == UTF8PROC_CATEGORY_LU || of == UTF8PROC_CATEGORY_LL ||
           of == UTF8PROC_CATEGORY_LT;
}

bool is_case_ignorable(char32_t c) {
    switch (category(c)) {
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_ME:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_SK:
            return true;
        default:
            return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x387 || c == 0x2018 || c == 0x2019;
    }
}

/// Whether the sigma at `at` ends its word (Final_Sigma of Unicode 3.13): a cased letter before it, none behind.
bool is_final_sigma(std::u32string_view word, std::size_t at) {
    std::size_t before = at;
    while (before > 0 && is_case_ignorable(word[before - 1])) --before;
    std::size_t behind = at + 1;
    while (behind < word.size() && is_case_ignorable(word[behind])) ++behind;
    return before > 0 && is_cased(word[before - 1]) && (behind == word.size() || !is_cased(word[behind]));
}

char32_t lowered(std::u32string_view word, std::size_t at) {
    constexpr char32_t capital_sigma = 0x3A3;
    constexpr char32_t final_sigma = 0x3C2;
    if (word[at] == capital_sigma && is_final_sigma(word, at)) return final_sigma;
    return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(word[at])));
}

/// Appends the canonical decomposition of `c` without its combining marks.
void append_bare(char32_t c, std::u32string& out) {
    if (c < 0x80) {
        out += c;
        return;
    }
    std::array<utf8proc_int32_t, 32> parts{};
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
    for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, parts.size()); ++i) {
        const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
        if (category(part) != UTF8PROC_CATEGORY_MN) out += part;
    }
}

/// Ends the word at hand, if it has a letter.
void end_word(Words& words) {
    if (words.letters.size() > (words.ends.empty() ? 0 : words.ends.back())) words.ends.push_back(words.letters.size());
}

void append_split(std::u32string_view bare, Words& words) {
    for (const char32_t c : bare) {
        const bool alone = is_punctuation(c);
        if (alone) end_word(words);
        words.letters += c;
        if (alone) end_word(words);
    }
    end_word(words);
}

}  // namespace

void split_words(std::string_view text, Words& words) {
    words.letters.clear();
    words.ends.clear();
    const std::u32string clean = cleaned(text);
    std::u32string bare;
    for (std::size_t begin = 0; begin < clean.size();) {
        const std::size_t end = std::min(clean.find(U' ', begin), clean.size());
        const std::u32string_view word = std::u32string_view(clean).substr(begin, end - begin);
        bare.clear();
        for (std::size_t at = 0; at < word.size(); ++at) append_bare(lowered(word, at), bare);
        append_split(bare, words);
        begin = end + 1;
    }
}

std::string joined(const Words& words) {
    std::string text;
    for (std::size_t word = 0; word < words.size(); ++word) {
        if (word > 0) text += ' ';
        for (const char32_t c : words.at(word)) {
            std::array<utf8proc_uint8_t, 4> bytes{};
            const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
            text.append(bytes.begin(), bytes.begin() + size);
        }
    }
    return text;
}

std::size_t find_invalid_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        if (static_cast<unsigned char>(text[at]) < 0x80) {
            ++at;
            continue;
        }
        utf8proc_int32_t read = 0;
        const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                           static_cast<utf8proc_ssize_t>(text.size() - at), &read);
        if (size <= 0) return at;
        at += static_cast<std::size_t>(size);
    }
    return std::string_view::npos;
}

}  // namespace plumb::families::language
