// SPDX-License-Identifier: Apache-2.0
#include "families/language/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/tensor_file.h"
#include "families/language/chunks.h"
#include "families/language/corpus_checks.h"
#include "lab/data_sets.h"
#include "temporary_folder.h"

namespace plumb::families::language {
namespace {

using lab::CheckStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LanguageFiles : public ::testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& content) {
        base::write_file(folder.path() / name, content);
        return (folder.path() / name).string();
    }
    std::string write_npz(const std::string& name, const std::vector<std::int32_t>& tokens, const std::vector<std::int64_t>& sizes) {
        const std::filesystem::path path = folder.path() / name;
        base::write_npz(
            path, std::vector<base::TensorView>{
                      base::tensor_view<std::int32_t>("tokens", base::ElementType::i32, {static_cast<std::int64_t>(tokens.size())}, tokens),
                      base::tensor_view<std::int64_t>("sizes", base::ElementType::i64, {static_cast<std::int64_t>(sizes.size())}, sizes)});
        return path.string();
    }
    static std::string complaint(const std::string& source) {
        try {
            load_corpus(source);
        } catch (const base::Error& error) {
            return error.what();
        }
        return "none";
    }
    test::TemporaryFolder folder;
    Tokenizer tokenizer{gpt1_byte_pairs()};
};

/// What facts about the assignment's files say; counted by others, in Python.
struct Known {
    std::string split;
    std::size_t ids;
    std::size_t lines;
    std::ptrdiff_t unknown;
};

TEST(WikiText2, HasTheCountsOfTheAssignment) {
    for (const Known& known :
         {Known{"train", 2'356'376, 23'767, 8'000}, Known{"validation", 245'046, 2'461, 798}, Known{"test", 279'023, 2'891, 784}}) {
        const auto corpus = load_corpus("wikitext-2/" + known.split + ".ids");
        EXPECT_EQ(corpus->ids.size(), known.ids) << known.split;
        EXPECT_EQ(corpus->line_sizes.size(), known.lines) << known.split;
        EXPECT_EQ(std::ranges::count(corpus->ids, unknown_id), known.unknown) << known.split;
    }
    const auto train = load_corpus("wikitext-2/train.ids");
    EXPECT_EQ(std::set<Id>(train->ids.begin(), train->ids.end()).size(), 30'447u);
}

TEST(WikiText2, CameWithPlumbButForTheTrainingText) {
    for (const lab::DataFile& file : lab::data_set_named("wikitext-2").files) {
        const std::string state = lab::verify(file);
        EXPECT_TRUE(state == "passed" || (file.name == "train.txt" && state == "missing")) << file.name << ": " << state;
    }
    for (const lab::DataFile& file : lab::data_set_named("gpt1").files) EXPECT_EQ(lab::verify(file), "passed") << file.name;
}

TEST_F(LanguageFiles, WordsAreThoseOfThePublishedText) {
    // 217,646 and 245,569 words are published, with an end mark for each of 3,760 and 4,358 lines.
    EXPECT_EQ(count(*load_corpus("wikitext-2/validation.ids"), tokenizer).words, 217'646 - 3'760);
    EXPECT_EQ(count(*load_corpus("wikitext-2/test.ids"), tokenizer).words, 245'569 - 4'358);
    EXPECT_EQ(count(*load_corpus("wikitext-2/validation.ids"), tokenizer).bytes, std::nullopt) << "of the raw text, which is not here";
    const Counts text = count(*load_corpus("wikitext-2/test.txt"), tokenizer);
    EXPECT_EQ(text.words, 245'569 - 4'358);
    EXPECT_EQ(text.bytes, 1'256'449);
}

TEST_F(LanguageFiles, BlankLinesAreLeftOutAndNothingStandsForAnEnd) {
    const auto corpus = load_corpus(write("text.txt", "\n = Robert Boulter = \n \t \nRobert\r\n\nRobert"));
    EXPECT_THAT(corpus->ids, ElementsAre(304, 4731, 8406, 614, 304, 4731, 4731));
    EXPECT_THAT(corpus->line_sizes, ElementsAre(5, 1, 1));
    EXPECT_EQ(decoded_text(*corpus, tokenizer), "= robert boulter =\nrobert\nrobert\n");
    const Counts counts = count(*corpus, tokenizer);
    EXPECT_EQ(counts.words, 6);
    EXPECT_EQ(counts.split_words, 6);
    EXPECT_EQ(counts.decoded_bytes, 33);
}

TEST_F(LanguageFiles, ReadsTextPackedOrPlain) {
    const std::string text = "The lobster is blue, and so is the sea.\n";
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    EXPECT_EQ(load_corpus(write("packed.zst", packed))->ids, load_corpus(write("plain", text))->ids);
}

TEST_F(LanguageFiles, IdsAreWrittenAsTheAssignmentReadsThem) {
    const auto corpus = load_corpus("wikitext-2/validation.txt");
    write_ids(folder.path() / "wiki.validation.npz", *corpus);
    const base::TensorFile file(folder.path() / "wiki.validation.npz");
    EXPECT_EQ(file.at("tokens").type, base::ElementType::u16);
    EXPECT_EQ(file.at("sizes").type, base::ElementType::i64);
    const auto again = load_corpus((folder.path() / "wiki.validation.npz").string());
    EXPECT_EQ(again->ids, corpus->ids);
    EXPECT_EQ(again->line_sizes, corpus->line_sizes);
}

TEST_F(LanguageFiles, SaysWhatIsWrongWithASource) {
    EXPECT_EQ(complaint(write_npz("fine.npz", {5, 6, 7}, {1, 2})), "none");
    EXPECT_THAT(complaint(write_npz("padding.npz", {5, 0, 7}, {1, 2})), HasSubstr("id 0 at place 1, allowed: 1 to 40478"));
    EXPECT_THAT(complaint(write_npz("high.npz", {5, 40479}, {2})), HasSubstr("id 40479"));
    EXPECT_THAT(complaint(write_npz("short.npz", {5, 6, 7}, {1, 1})), HasSubstr("add up to 2, there are 3"));
    EXPECT_THAT(complaint(write_npz("beyond.npz", {5, 6, 7}, {1, 3})), HasSubstr("go beyond"));
    EXPECT_THAT(complaint(write("latin1.txt", "na\xEFve text")), HasSubstr("byte 2"));
    EXPECT_THAT(complaint(write("one.txt", "one")), HasSubstr("none follows"));
    EXPECT_THAT(complaint("no/such/file"), HasSubstr("no/such/file"));
    EXPECT_THAT(complaint("wikitext-2/tran.ids"), HasSubstr("tran.ids"));
}

TEST_F(LanguageFiles, TheRoundTripCheckSeesIdsThatNoTextGives) {
    EXPECT_EQ(check_round_trip(*load_corpus("wikitext-2/test.txt"), tokenizer).status, CheckStatus::passed);
    EXPECT_EQ(check_round_trip(*load_corpus("wikitext-2/test.ids"), tokenizer).status, CheckStatus::passed);
    Corpus corpus;
    tokenizer.encode("robert", corpus.ids);
    corpus.ids.insert(corpus.ids.begin(), 4);  // "h" inside a word: "hrobert" has other pieces
    corpus.line_sizes = {static_cast<std::int64_t>(corpus.ids.size())};
    EXPECT_EQ(check_round_trip(corpus, tokenizer).status, CheckStatus::mistrusted) << "somebody else made them";
    corpus.text = "hrobert";
    EXPECT_EQ(check_round_trip(corpus, tokenizer).status, CheckStatus::failed) << "made here, and wrong";
    corpus.ids = {unknown_id};
    corpus.line_sizes = {1};
    EXPECT_EQ(check_round_trip(corpus, tokenizer).status, CheckStatus::mistrusted) << "nothing to compare";
}

TEST_F(LanguageFiles, TheCompanionCheckSeesAnotherText) {
    Corpus corpus = *load_corpus("wikitext-2/test.ids");
    EXPECT_EQ(check_companion(corpus, tokenizer).status, CheckStatus::passed);
    corpus.ids[0] = 305;
    EXPECT_EQ(check_companion(corpus, tokenizer).measured, 0) << "the first line has an <unk>";
    std::ranges::fill(corpus.ids, Id{304});
    EXPECT_EQ(check_companion(corpus, tokenizer).status, CheckStatus::failed);
    corpus.line_sizes = {static_cast<std::int64_t>(corpus.ids.size())};
    EXPECT_EQ(check_companion(corpus, tokenizer).status, CheckStatus::mistrusted);
}

TEST_F(LanguageFiles, TrainingOnWhatIsScoredIsSeen) {
    const auto train = load_corpus("wikitext-2/validation.ids");
    const auto test = load_corpus("wikitext-2/test.ids");
    EXPECT_EQ(check_held_out("test", *test, *train).status, CheckStatus::passed);
    EXPECT_EQ(check_held_out("test", *test, *test).status, CheckStatus::mistrusted);
    EXPECT_DOUBLE_EQ(check_held_out("test", *test, *test).measured, 1.0);
}

TEST(Chunks, OfTheNotebookAreCountedAsItCountsThem) {
    struct Case {
        std::int64_t ids, sequences, predictions;
    };
    for (const Case& each : {Case{2'356'376, 9'205, 2'356'374}, Case{245'046, 958, 245'044}, Case{279'023, 1'090, 279'021}}) {
        const std::vector<std::int64_t> lines = {each.ids};
        const auto notebook = cut(lines, {Break::stream, 256, true});
        EXPECT_EQ(static_cast<std::int64_t>(notebook.size()), each.sequences);
        EXPECT_EQ(predictions(notebook), each.predictions);
        EXPECT_EQ(predictions(cut(lines, {Break::stream, 256, false})), each.ids - 1) << "nothing but the first id goes unpredicted";
    }
}

TEST(Chunks, OfAStreamPredictEveryIdButTheFirstOnce) {
    for (std::int64_t ids = 0; ids < 30; ++ids) {
        const std::vector<std::int64_t> lines = {ids};
        std::int64_t next = 1;
        for (const Chunk& chunk : cut(lines, {Break::stream, 5, false})) {
            EXPECT_EQ(chunk.begin + 1, next);
            EXPECT_GE(chunk.targets, 1);
            EXPECT_LE(chunk.targets, 5);
            next += chunk.targets;
        }
        EXPECT_EQ(next, std::max<std::int64_t>(ids, 1)) << ids << " ids";
        const std::int64_t lost = ids > 1 && (ids - 1) % 5 != 0 ? 1 : 0;
        EXPECT_EQ(predictions(cut(lines, {Break::stream, 5, true})), std::max<std::int64_t>(ids - 1, 0) - lost) << ids << " ids";
    }
}

TEST(Chunks, OfLinesNeverReachIntoTheNext) {
    const std::vector<std::int64_t> lines = {3, 1, 0, 9};
    EXPECT_THAT(cut(lines, {Break::lines, 4, false}), ElementsAre(Chunk{0, 2}, Chunk{4, 4}, Chunk{8, 4}));
}

TEST(Chunks, OfWholeLinesHoldAsManyAsFit) {
    const std::vector<std::int64_t> lines = {2, 3, 1, 12, 2};
    // Five ids at most: 2 + 3, then 1 alone since 12 are too many, which are cut, then 2.
    EXPECT_THAT(cut(lines, {Break::complete, 4, false}), ElementsAre(Chunk{0, 4}, Chunk{6, 4}, Chunk{10, 4}, Chunk{14, 3}, Chunk{18, 1}));
    EXPECT_THROW(cut(lines, {Break::complete, 4, true}), base::Error);
}

TEST(Chunks, AreFilledUpWithPaddingBehindTheirEnd) {
    const std::vector<Id> ids = {11, 12, 13, 14, 15};
    std::vector<Id> sources(4, 99);
    std::vector<Id> targets(4, 99);
    std::vector<float> mask(4, 99);
    fill({2, 2}, ids, sources, targets, mask);
    EXPECT_THAT(sources, ElementsAre(13, 14, 0, 0));
    EXPECT_THAT(targets, ElementsAre(14, 15, 0, 0));
    EXPECT_THAT(mask, ElementsAre(1, 1, 0, 0));
}

}  // namespace
}  // namespace plumb::families::language
