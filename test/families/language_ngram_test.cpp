// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "families/language/corpus.h"
#include "families/language/declarations.h"
#include "families/language/family.h"
#include "families/language/kneser_ney.h"
#include "families/language/leak_alarm.h"
#include "families/language/model_checks.h"
#include "families/language/ngram_trial.h"
#include "families/language/scanned_kneser_ney.h"
#include "families/language/scores.h"
#include "lab/check.h"
#include "temporary_folder.h"

namespace plumb::families::language {
namespace {

using lab::CheckStatus;
using ::testing::HasSubstr;

constexpr std::size_t vocabulary = 12;

/// Ids of which the low ones are frequent, and each likes to follow the one before.
std::vector<Id> random_stream(std::uint64_t seed, std::size_t size) {
    const base::RandomStream random(seed, "stream of ids");
    std::vector<Id> ids;
    for (std::uint64_t i = 0; i < size; ++i) {
        const auto fresh = static_cast<Id>(1 + random.below(2 * i, 1 + random.below(2 * i + 1, vocabulary - 2)));
        ids.push_back(i > 0 && i % 3 == 0 ? static_cast<Id>(1 + ids.back() % (vocabulary - 1)) : fresh);
    }
    return ids;
}

TEST(KneserNey, IsTheFormulaForEveryOrderAndContext) {
    constexpr std::uint64_t seed = 31;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::vector<Id> train = random_stream(seed, 400);
    for (int order = 1; order <= 5; ++order) {
        const KneserNey model(train, vocabulary, order);
        const std::vector<double> discounts = scanned_discounts(train, order);
        for (int k = 1; k <= order; ++k) EXPECT_DOUBLE_EQ(model.discount(k), discounts[static_cast<std::size_t>(k) - 1]) << order << k;
        for (const auto& context : sample_contexts(train, static_cast<std::size_t>(order) + 1, vocabulary, 20, 20, seed)) {
            const std::vector<double> p = model.distribution(context);
            for (Id next = 0; next < vocabulary; ++next)
                ASSERT_NEAR(p[next] / scanned_probability(train, vocabulary, discounts, context, next), 1, 1e-13) << order << " " << next;
        }
    }
}

TEST(KneserNey, ScoresAStreamAsItDistributesBehindEachPrefix) {
    constexpr std::uint64_t seed = 32;
    const std::vector<Id> train = random_stream(seed, 300);
    const std::vector<Id> stream = random_stream(seed + 1, 60);
    const KneserNey model(train, vocabulary, 4);
    std::vector<double> scores(stream.size());
    model.score(stream, scores);
    for (std::size_t t = 0; t < stream.size(); ++t)
        EXPECT_EQ(scores[t], std::log(model.distribution(std::span(stream).first(t))[stream[t]])) << t;
}

TEST(KneserNey, AddsUpToOneOnTheSmallestStreamsToo) {
    for (const std::vector<Id>& train : {std::vector<Id>{3}, {3, 3}, {1, 2}, {1, 2, 1}, {5, 5, 5, 5, 5}}) {
        for (int order = 1; order <= 4; ++order) {
            const KneserNey model(train, vocabulary, order);
            for (const std::vector<Id>& context : {std::vector<Id>{}, {3}, {1, 2}, {2, 1}, {5, 5, 5}, {9, 9}}) {
                double sum = 0;
                for (const double p : model.distribution(context)) {
                    EXPECT_GT(p, 0);
                    sum += p;
                }
                EXPECT_NEAR(sum, 1, 1e-14);
            }
        }
    }
}

TEST(KneserNey, ThreadsDoNotCount) {
    const std::vector<Id> stream = random_stream(33, 1000);
    const KneserNey model(random_stream(34, 2000), vocabulary, 5);
    std::vector<double> one(stream.size());
    model.score(stream, one, 1);
    for (const int threads : {2, 3, 7, 1000, 2000}) {
        std::vector<double> many(stream.size(), -1);
        model.score(stream, many, threads);
        EXPECT_EQ(many, one) << threads;
    }
}

TEST(KneserNey, RefusesWhatItCannotCount) {
    EXPECT_THROW(KneserNey(std::vector<Id>{1}, vocabulary, 0), base::Error);
    EXPECT_THROW(KneserNey(std::vector<Id>{1}, vocabulary, highest_order + 1), base::Error);
    EXPECT_THROW(KneserNey(std::vector<Id>{}, vocabulary, 2), base::Error);
    EXPECT_THROW(KneserNey(std::vector<Id>{1, vocabulary}, vocabulary, 2), base::Error);
}

TEST(KneserNey, ReachesTheKnownFloorOnWikiText2) {
    // Computed independently, in Python, on the same ids: whole stream as context, one discount an order.
    const std::vector<std::pair<double, double>> known = {{1378, 1447}, {350, 376}, {278, 300}, {268, 292}, {263, 287}};
    const auto train = load_corpus("wikitext-2/train.ids");
    const auto validation = load_corpus("wikitext-2/validation.ids");
    const auto test = load_corpus("wikitext-2/test.ids");
    for (int order = 1; order <= 5; ++order) {
        const auto [on_validation, on_test] = known[static_cast<std::size_t>(order) - 1];
        const KneserNey model(train->ids, 40479, order);
        EXPECT_NEAR(std::exp(mean_nats(model, validation->ids)) / on_validation, 1, 0.01) << order;
        EXPECT_NEAR(std::exp(mean_nats(model, test->ids)) / on_test, 1, 0.01) << order;
    }
}

TEST(LanguageChecks, ASumThatIsNotOneFails) {
    const std::vector<std::vector<Id>> contexts = {{1, 2}, {3, 4}};
    const auto uniform = [](double each) { return [each](std::span<const Id>) { return std::vector<double>(8, each); }; };
    EXPECT_EQ(check_sums(uniform(0.125), contexts, 1e-15).status, CheckStatus::passed);
    EXPECT_EQ(check_sums(uniform(0.1251), contexts, 1e-15).status, CheckStatus::failed);
    EXPECT_EQ(check_sums(uniform(std::nan("")), contexts, 1e-15).status, CheckStatus::failed);
    const auto negative = [](std::span<const Id>) { return std::vector<double>{1.5, -0.5}; };
    EXPECT_EQ(check_sums(negative, contexts, 1e-15).status, CheckStatus::failed);
}

TEST(LanguageChecks, LookingAheadFailsCausality) {
    const std::vector<Id> stream = random_stream(35, 200);
    const auto scorer = [](std::ptrdiff_t shift) {
        return [shift](std::span<const Id> ids) {
            std::vector<double> out;
            for (std::ptrdiff_t t = 0; t < std::ssize(ids); ++t) {
                const std::ptrdiff_t seen = t + shift;
                out.push_back(seen >= 0 && seen < std::ssize(ids) ? -1.0 * ids[static_cast<std::size_t>(seen)] : 0);
            }
            return out;
        };
    };
    EXPECT_EQ(check_causality(scorer(0), stream, vocabulary, 1).status, CheckStatus::passed);
    EXPECT_EQ(check_causality(scorer(-1), stream, vocabulary, 1).status, CheckStatus::passed);
    EXPECT_EQ(check_causality(scorer(1), stream, vocabulary, 1).status, CheckStatus::failed);
    const auto blind = [](std::span<const Id> ids) { return std::vector<double>(ids.size(), -1.0); };
    EXPECT_EQ(check_causality(blind, stream, vocabulary, 1).status, CheckStatus::mistrusted);
}

TEST(LeakAlarm, TellsTheKnownResultsApart) {
    // Validation perplexities on WikiText-2 with GPT-1 ids, corrected: two students' correct runs, and the notebook whose mask leaked.
    const Floor floor = {std::log(1378.0), std::log(263.0)};
    const auto verdict = [&](double perplexity) { return judge(std::log(perplexity), floor); };
    EXPECT_EQ(verdict(146.97), Plausibility::plausible) << "LSTM";
    EXPECT_EQ(verdict(148.71), Plausibility::plausible) << "GPT-1 block";
    EXPECT_EQ(verdict(1.112), Plausibility::leak);
    EXPECT_EQ(verdict(1.357), Plausibility::leak);
    EXPECT_EQ(verdict(2222.7), Plausibility::untaught) << "SGD";
    EXPECT_EQ(verdict(263.0 / 4 + 0.1), Plausibility::plausible);
    EXPECT_EQ(verdict(263.0 / 4 - 0.1), Plausibility::leak);
    EXPECT_EQ(judge(std::nan(""), floor), Plausibility::leak);
}

TEST(LeakAlarm, MistrustsWhatItDoubts) {
    const Floor floor = {std::log(1378.0), std::log(263.0)};
    EXPECT_EQ(leak_check("validation", std::log(146.0), floor).status, CheckStatus::passed);
    const lab::Check leak = leak_check("validation", std::log(1.112), floor);
    EXPECT_EQ(leak.status, CheckStatus::mistrusted);
    EXPECT_THAT(leak.note, HasSubstr("sees the future"));
    EXPECT_NEAR(leak.measured, 263 / 1.112, 1e-9);
    EXPECT_EQ(leak_check("validation", std::log(2222.0), floor).status, CheckStatus::mistrusted);
}

TEST(LeakAlarm, TheFloorFallsToNothingOnTextThatWasTrainedOn) {
    const std::vector<Id> train = random_stream(36, 3000);
    const Floor honest = measure_floor(train, random_stream(37, 500), vocabulary);
    const Floor known = measure_floor(train, std::span(train).first(500), vocabulary);
    EXPECT_LT(known.ngram, honest.ngram - 0.5);
    EXPECT_NEAR(known.unigram, honest.unigram, 0.2) << "single ids tell nothing about that";
}

TEST(Scores, AreWhatTheyAreCalled) {
    const std::vector<double> log_probabilities = {-100, -1, -2, -3, -4, -5};
    const std::vector<std::int64_t> lines = {6};
    const auto chunks = cut(lines, {Break::stream, 2, false});  // targets 1 2 | 3 4 | 5
    const Scores scores = summarize(log_probabilities, chunks, 2, 2);
    EXPECT_EQ(scores.predictions, 5);
    EXPECT_EQ(scores.sequences, 3);
    EXPECT_EQ(scores.batches, 2);
    EXPECT_DOUBLE_EQ(scores.nats, 3);
    // Batch 1: mean of 1.5 and 3.5 times 4; batch 2: 5 times 1; divided by 2 batches of 2 x 2.
    EXPECT_DOUBLE_EQ(scores.printed_nats, (2.5 * 4 + 5) / 8);
    Counts counts;
    counts.words = 3;
    counts.bytes = 30;
    counts.split_words = 5;
    counts.decoded_bytes = 40;
    std::map<std::string, double> values;
    for (const lab::MetricValue& value : named_scores("test", scores, counts)) values[value.name] = value.value;
    EXPECT_DOUBLE_EQ(values.at("test_perplexity"), std::exp(3.0));
    EXPECT_DOUBLE_EQ(values.at("test_bits"), 3 / std::log(2.0));
    EXPECT_DOUBLE_EQ(values.at("test_word_perplexity"), std::exp(5.0));
    EXPECT_DOUBLE_EQ(values.at("test_split_word_perplexity"), std::exp(3.0));
    EXPECT_DOUBLE_EQ(values.at("test_bits_per_byte"), 15 / std::log(2.0) / 30);
    EXPECT_DOUBLE_EQ(values.at("test_bits_per_decoded_byte"), 15 / std::log(2.0) / 40);
}

TEST(Scores, ThePrintedOnesAreTooSmallByTheKnownFactors) {
    // Predictions by batches x batch x 256, of the notebook's own chunks.
    struct Case {
        std::int64_t ids, batch;
        double factor;
    };
    for (const Case& each :
         {Case{245'046, 16, 0.99709}, Case{245'046, 8, 0.99709}, Case{279'023, 16, 0.98725}, Case{279'023, 8, 0.99446}}) {
        const std::vector<std::int64_t> lines = {each.ids};
        const std::vector<double> log_probabilities(static_cast<std::size_t>(each.ids), -5);
        const Scores scores = summarize(log_probabilities, cut(lines, {Break::stream, 256, true}), 256, each.batch);
        EXPECT_DOUBLE_EQ(scores.nats, 5);
        EXPECT_NEAR(scores.printed_nats / 5, each.factor, 5e-6) << each.ids << " in batches of " << each.batch;
    }
}

class LanguageTrial : public ::testing::Test {
  protected:
    std::string write(const std::string& name, std::uint64_t seed, std::size_t words) {
        const base::RandomStream random(seed, "sentences");
        static constexpr std::array<std::string_view, 9> vocabulary_of_words = {"the ", "lobster ", "is ",    "blue , ",  "and ",
                                                                                "Sea ", "of ",      "naïve ", "rocks .\n"};
        std::string text;
        for (std::uint64_t i = 0; i < words; ++i) text += vocabulary_of_words[random.below(i, vocabulary_of_words.size())];
        base::write_file(folder.path() / name, text);
        return (folder.path() / name).string();
    }
    lab::Settings settings(lab::Settings changed) {
        changed.push_back({"train", train});
        if (!lab::find(changed, "validation")) changed.push_back({"validation", validation});
        if (!lab::find(changed, "test")) changed.push_back({"test", std::string()});
        return schema().complete(changed);
    }
    std::map<std::string, lab::Check> checks_of(const lab::Settings& changed) {
        NgramTrial trial(read_request(settings(changed), 5));
        std::map<std::string, lab::Check> checks;
        for (const lab::Check& check : trial.verify()) checks[check.name] = check;
        return checks;
    }
    test::TemporaryFolder folder;
    std::string train = write("train.txt", 41, 4000);
    std::string validation = write("validation.txt", 42, 500);
};

TEST_F(LanguageTrial, PassesItsChecksAndGivesDeclaredMetricsOnly) {
    NgramTrial trial(read_request(settings({{"order", std::int64_t{3}}, {"threads", std::int64_t{2}}}), 5));
    for (const lab::Check& check : trial.verify()) EXPECT_EQ(check.status, CheckStatus::passed) << check.name << ": " << check.note;
    std::vector<lab::Timing> timings;
    for (const lab::Action& action : trial.actions()) {
        if (action.reset) action.reset();
        action.run();
        lab::Timing timing;
        timing.samples = {1};
        timing.median = {1, 1, 1};
        timings.push_back(timing);
    }
    for (const lab::Check& check : trial.verify_after()) EXPECT_EQ(check.status, CheckStatus::passed) << check.name;
    std::set<std::string> declared;
    for (const lab::Metric& metric : metrics()) EXPECT_TRUE(declared.insert(metric.name).second) << metric.name;
    std::map<std::string, double> values;
    for (const lab::MetricValue& value : trial.metrics(timings)) {
        EXPECT_TRUE(declared.contains(value.name)) << value.name;
        EXPECT_TRUE(values.emplace(value.name, value.value).second) << value.name << " twice";
    }
    // One of nine at random, eleven words among the nine: no model can do better, three-grams do hardly worse.
    const double best = std::pow(9.0, 9.0 / 11);
    EXPECT_GT(values.at("validation_word_perplexity"), best * 0.97);
    EXPECT_LT(values.at("validation_word_perplexity"), best * 1.15);
    EXPECT_EQ(values.count("test_perplexity"), 0u);
}

TEST_F(LanguageTrial, WritesIdsThatCanBeReadInstead) {
    const std::string ids = (folder.path() / "ids").string();
    EXPECT_EQ(checks_of({{"order", std::int64_t{1}}, {"ids", ids}}).count("causality"), 1u);
    EXPECT_EQ(load_corpus(ids + "/wiki.train.npz")->ids, load_corpus(train)->ids);
    EXPECT_EQ(load_corpus(ids + "/wiki.validation.npz")->line_sizes, load_corpus(validation)->line_sizes);
    EXPECT_FALSE(std::filesystem::exists(ids + "/wiki.test.npz"));
}

TEST_F(LanguageTrial, TheDigestsNameEveryFileThatCounts) {
    const auto digests = make_family()->inputs(settings({}));
    EXPECT_TRUE(digests.contains(train) && digests.contains(validation) && digests.contains("gpt1/merges"));
    EXPECT_EQ(make_family()->inputs(schema().complete({})).count("wikitext-2/test.txt"), 1u) << "its words are counted";
}

TEST_F(LanguageTrial, RefusesSettingsThatDoNotGoTogether) {
    EXPECT_THROW(read_request(settings({{"break", std::string("lines")}, {"off_by_one", true}}), 5), base::Error);
    const std::string single_words = (folder.path() / "single").string();
    base::write_file(single_words, "sea\nsea\n");
    EXPECT_NO_THROW(read_request(settings({{"validation", single_words}}), 5));
    EXPECT_THROW(read_request(settings({{"validation", single_words}, {"break", std::string("lines")}}), 5), base::Error);
    NgramTrial trial(read_request(settings({{"order", std::int64_t{1}}, {"ids", train + "/below a file"}}), 5));
    EXPECT_THROW(trial.verify(), base::Error);
}

}  // namespace
}  // namespace plumb::families::language
