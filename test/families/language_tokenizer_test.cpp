// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "families/language/corpus.h"
#include "families/language/tokenizer.h"

namespace plumb::families::language {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Id> encode(Tokenizer& tokenizer, std::string_view text) {
    std::vector<Id> ids;
    tokenizer.encode(text, ids);
    return ids;
}

/// A word of the first letters of the alphabet.
std::u32string random_word(const base::RandomStream& random, std::uint64_t index, std::size_t letters, std::size_t alphabet) {
    std::u32string word;
    for (std::uint64_t i = 0; i < letters; ++i) word += U"abcdefghijklmnopqrstuvwxyz"[random.below(1000 * index + i, alphabet)];
    return word;
}

/// Byte pairs the slow way: look for the pair of the lowest rank, join it wherever it stands, from the left, look again.
std::vector<std::string> join_by_sweeps(const std::u32string& word, const std::vector<std::pair<std::string, std::string>>& merges) {
    std::vector<std::string> pieces;
    for (const char32_t c : word) pieces.emplace_back(1, static_cast<char>(c));
    pieces.back() += "</w>";
    while (true) {
        const auto first = std::ranges::find_if(merges, [&](const auto& merge) {
            for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
                if (pieces[i] == merge.first && pieces[i + 1] == merge.second) return true;
            }
            return false;
        });
        if (first == merges.end()) return pieces;
        std::vector<std::string> joined;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const bool pair = i + 1 < pieces.size() && pieces[i] == first->first && pieces[i + 1] == first->second;
            joined.push_back(pair ? pieces[i] + pieces[i + 1] : pieces[i]);
            i += pair;
        }
        pieces = std::move(joined);
    }
}

TEST(BytePairs, JoinsAsSweepingThroughTheWordDoes) {
    constexpr std::uint64_t seed = 20;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "merges");
    // Merges of random pairs of pieces, so that one piece comes about in several ways and joining makes pairs of every rank.
    std::vector<std::string> pieces = {"a", "b", "c", "a</w>", "b</w>", "c</w>"};
    std::vector<std::pair<std::string, std::string>> merges;
    for (std::uint64_t i = 0; merges.size() < 60; ++i) {
        const std::string left = pieces[random.below(2 * i, pieces.size())];
        const std::string right = pieces[random.below(2 * i + 1, pieces.size())];
        if (left.ends_with(">") || left.size() + right.size() > 10 || std::ranges::find(merges, std::pair(left, right)) != merges.end())
            continue;
        merges.emplace_back(left, right);
        if (std::ranges::find(pieces, left + right) == pieces.end()) pieces.push_back(left + right);
    }
    std::string json = "{\"<unk>\": 0";
    std::map<std::string, Id> id_of;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        json += ", \"" + pieces[i] + "\": " + std::to_string(i + 1);
        id_of[pieces[i]] = static_cast<Id>(i + 2);
    }
    std::string list = "#version: test\n";
    for (const auto& [left, right] : merges) list += left + " " + right + "\n";
    const BytePairs byte_pairs(json + "}", list);
    for (std::uint64_t word_index = 0; word_index < 400; ++word_index) {
        const std::u32string word = random_word(base::RandomStream(seed, "words"), word_index, 1 + word_index % 30, 3);
        std::vector<Id> expected;
        for (const std::string& piece : join_by_sweeps(word, merges)) expected.push_back(id_of.at(piece));
        std::vector<Id> got;
        byte_pairs.encode(word, got);
        ASSERT_EQ(got, expected) << "word " << word_index;
    }
}

TEST(BytePairs, AWordWithoutEndIsNoTrap) {
    const auto byte_pairs = gpt1_byte_pairs();
    std::vector<Id> ids;
    byte_pairs->encode(std::u32string(300'000, U'a'), ids);
    std::string text;
    for (const Id id : ids) text += byte_pairs->piece(id);
    EXPECT_EQ(text, std::string(300'000, 'a'));
}

TEST(BytePairs, SaysWhatIsWrongWithTheFiles) {
    const auto complaint = [](std::string_view pieces, std::string_view merges) -> std::string {
        try {
            BytePairs(pieces, merges);
        } catch (const base::Error& error) {
            return error.what();
        }
        return "none";
    };
    EXPECT_EQ(complaint(R"({"<unk>": 0, "a": 1})", "v\na a\n"), "none");
    EXPECT_THAT(complaint("[1]", "v\na a\n"), HasSubstr("no JSON object"));
    EXPECT_THAT(complaint("{", "v\na a\n"), HasSubstr("no JSON object"));
    EXPECT_THAT(complaint(R"({"<unk>": 0, "a": 0})", "v\na a\n"), HasSubstr("two pieces"));
    EXPECT_THAT(complaint(R"({"<unk>": 0, "a": 7})", "v\na a\n"), HasSubstr("'a' has no number"));
    EXPECT_THAT(complaint(R"({"<unk>": 0})", "v\na a\nab\n"), HasSubstr("merge 2 is 'ab'"));
    EXPECT_THAT(complaint(R"({"<unk>": 0})", "v\n"), HasSubstr("empty"));
}

TEST(Tokenizer, GivesTheIdsOfTheAssignmentsFiles) {
    Tokenizer tokenizer(gpt1_byte_pairs());
    EXPECT_EQ(tokenizer.size(), 40479u);
    EXPECT_THAT(encode(tokenizer, " = Homarus gammarus = "), ElementsAre(304, 549, 832, 769, 40082, 832, 769, 304));
    EXPECT_THAT(encode(tokenizer, " = Robert Boulter = "), ElementsAre(304, 4731, 8406, 614, 304));
    EXPECT_THAT(encode(tokenizer, "戦場"), ElementsAre(unknown_id, unknown_id)) << "one for each letter";
}

/// Lines of the text without "<unk>" against the stored ids of the same lines; returns how many there were.
std::size_t compare_with_stored(const std::string& text, const Corpus& stored) {
    Tokenizer tokenizer(gpt1_byte_pairs());
    const auto texts = lines_of(std::string_view(text));
    const auto lines = lines_of(stored);
    EXPECT_EQ(texts.size(), lines.size());
    std::size_t compared = 0;
    for (std::size_t line = 0; line < std::min(texts.size(), lines.size()); ++line) {
        if (texts[line].find("<unk>") != std::string_view::npos) continue;
        ++compared;
        const std::vector<Id> ids = encode(tokenizer, texts[line]);
        EXPECT_TRUE(std::ranges::equal(ids, lines[line])) << "line " << line << ": " << texts[line];
    }
    return compared;
}

TEST(Tokenizer, EqualsTheStoredIdsOnEveryLineWithoutUnk) {
    EXPECT_EQ(compare_with_stored(load_corpus("wikitext-2/validation.ids")->companion, *load_corpus("wikitext-2/validation.ids")), 623u);
    EXPECT_EQ(compare_with_stored(load_corpus("wikitext-2/test.ids")->companion, *load_corpus("wikitext-2/test.ids")), 667u);
}

TEST(Tokenizer, EqualsTheStoredIdsOnTheTrainingTextToo) {
    // The training text did not come with plumb: it is taken from PLUMB_DATA, or from a folder beside the source.
    std::string text = load_corpus("wikitext-2/train.ids")->companion;
    const std::filesystem::path beside = std::filesystem::path(PLUMB_SOURCE_DIR) / "../shared/data/wikitext-2/train.txt.zst";
    if (text.empty() && std::filesystem::exists(beside)) text = base::read_unpacked(beside);
    if (text.empty()) GTEST_SKIP() << "WikiText-2's train.txt is neither in PLUMB_DATA nor in ../shared/data/wikitext-2";
    EXPECT_EQ(compare_with_stored(text, *load_corpus("wikitext-2/train.ids")), 9433u);
}

TEST(Tokenizer, DecodingGivesTheWordsBack) {
    Tokenizer tokenizer(gpt1_byte_pairs());
    EXPECT_EQ(tokenizer.decode(encode(tokenizer, "The U.S. \"Valkyria\" isn't naïve.")), "the u . s . \" valkyria \" isn ' t naive .");
    EXPECT_EQ(tokenizer.decode(encode(tokenizer, "x 戦")), "x <unk>");
    EXPECT_EQ(tokenizer.decode(std::vector<Id>{padding_id, 304, padding_id}), "=") << "padding is nothing";
    EXPECT_EQ(tokenizer.decode({}), "");
    try {
        tokenizer.decode(std::vector<Id>{40479});
        FAIL() << "decoded an id that does not exist";
    } catch (const base::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("40479"));
    }
}

TEST(Tokenizer, WhatWasSeenBeforeDoesNotCount) {
    constexpr std::uint64_t seed = 21;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const base::RandomStream random(seed, "many words");
    // More different words than the table keeps, each twice, so that it grows, is forgotten, and is asked again.
    const auto byte_pairs = gpt1_byte_pairs();
    Tokenizer warm(byte_pairs);
    const auto word = [&](std::uint64_t index) {
        const std::u32string letters = random_word(random, index, 5, 26);
        return std::string(letters.begin(), letters.end()) + " ";
    };
    for (std::uint64_t index = 0; index < 300'000; ++index) {
        const std::string text = word(index) + word(index / 2);
        const std::vector<Id> got = encode(warm, text);
        if (index % 1000 != 0) continue;
        Tokenizer fresh(byte_pairs);
        ASSERT_EQ(got, encode(fresh, text)) << text;
    }
    EXPECT_EQ(encode(warm, std::string(70, 'a') + " a"), encode(warm, std::string(70, 'A') + "\ta\n")) << "too long to be remembered";
}

}  // namespace
}  // namespace plumb::families::language
