// SPDX-License-Identifier: Apache-2.0
#include "families/language/words.h"

#include <gtest/gtest.h>

namespace plumb::families::language {
namespace {

std::string split(std::string_view text) {
    Words words;
    split_words(text, words);
    return joined(words);
}

TEST(Words, PunctuationMarksStandAlone) {
    EXPECT_EQ(split("H."), "h .");
    EXPECT_EQ(split("1 @-@ 2"), "1 @ - @ 2");
    EXPECT_EQ(split("(don't)--stop!"), "( don ' t ) - - stop !");
    EXPECT_EQ(split("a“b”—c…"), "a “ b ” — c …");
}

TEST(Words, AsciiSymbolsArePunctuationButOthersAreNot) {
    EXPECT_EQ(split("a+b$c^d`e|f~g"), "a + b $ c ^ d ` e | f ~ g");
    EXPECT_EQ(split("5°C £3 x×y"), "5°c £3 x×y");
}

TEST(Words, AccentsAndCaseAreGone) {
    EXPECT_EQ(split("Café ÅNGSTRÖM naïve"), "cafe angstrom naive");
    EXPECT_EQ(split("e\xCC\x81t\xC3\xA9"), "ete") << "composed or not";
    EXPECT_EQ(split("\xC4\xB0stanbul"), "istanbul") << "the dotted capital I of Turkish has a combining dot when lowered";
    EXPECT_EQ(split("Łódź straße"), "łodz straße") << "a stroke is no combining mark";
}

TEST(Words, ASigmaIsFinalAtTheEndOfAWordOnly) {
    EXPECT_EQ(split("ΟΔΟΣ"), "οδος");
    EXPECT_EQ(split("ΣΑΣ."), "σας .");
    EXPECT_EQ(split("Σ ΑΣΑ"), "σ ασα");
    EXPECT_EQ(split("ⅫΣ 1Σ"), "ⅻς 1σ") << "a Roman numeral has case, a digit has none";
}

TEST(Words, ControlAndPrivateCharactersVanish) {
    EXPECT_EQ(split("a\x01z\xE2\x80\x8B"
                    "b\xC2\xAD"
                    "c"),
              "azbc")
        << "U+0001, zero width space, soft hyphen";
    EXPECT_EQ(split("\xEE\x80\x80x\xEF\xBF\xBD"), "x") << "private use, replacement character";
    EXPECT_EQ(split("a\vb\fc"), "abc") << "vertical tab and form feed are controls, not blanks";
    EXPECT_EQ(split("\x01 \x02"), "");
}

TEST(Words, EveryUnicodeSpaceIsABlank) {
    EXPECT_EQ(split("a\xC2\xA0"
                    "b\xE3\x80\x80"
                    "c\xE2\x80\xA8"
                    "d\te\r\nf"),
              "a b c d e f");
    EXPECT_EQ(split("  a   b "), "a b");
}

TEST(Words, IdeographsStandAloneAndKanaDoNot) {
    EXPECT_EQ(split("戦場のヴァルキュリア3"), "戦 場 のウァルキュリア3") << "the voice mark of ヴ is a combining mark";
    EXPECT_EQ(split("x𠀀y"), "x 𠀀 y") << "beyond 16 bits";
}

TEST(Words, BytesThatAreNoUtf8AreDroppedAndFound) {
    EXPECT_EQ(split("a\xFF"
                    "b\xC3"),
              "ab");
    EXPECT_EQ(find_invalid_utf8("naïve 戦 𠀀"), std::string_view::npos);
    EXPECT_EQ(find_invalid_utf8("ab\xC3"), 2u);
    EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u) << "a surrogate";
}

}  // namespace
}  // namespace plumb::families::language
