// SPDX-License-Identifier: Apache-2.0
#include "families/language/ngram_trial.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "families/language/corpus_checks.h"
#include "families/language/model_checks.h"
#include "families/language/scanned_kneser_ney.h"
#include "families/language/scores.h"

namespace plumb::families::language {

namespace {

/// Ids that the checks of the model go through: enough for every order to have seen and unseen contexts, little against a split.
constexpr std::size_t checked_ids = 4096;
constexpr double rounding_unit = 0x1p-53;
constexpr double roundings_an_order = 6;  ///< of a probability: difference, two products, sum, quotient, and one to spare

std::span<const Id> start_of(const Corpus& corpus) {
    return std::span(corpus.ids).first(std::min(checked_ids, corpus.ids.size()));
}

base::Interval rate(double amount, const base::Interval& seconds) {
    return {amount / seconds.value, amount / seconds.high, amount / seconds.low};
}

}  // namespace

NgramTrial::NgramTrial(Request request) : request_(std::move(request)), tokenizer_(request_.byte_pairs) {
    text_ = request_.train->text.empty() ? decoded_text(*request_.train, tokenizer_) : request_.train->text;
}

std::vector<double> NgramTrial::scored(std::span<const Id> stream, int threads) const {
    std::vector<double> log_probabilities(stream.size(), std::nan(""));
    model_->score(stream, log_probabilities, threads);
    return log_probabilities;
}

void NgramTrial::tokenize_train() {
    text_ids_.clear();
    for (const std::string_view line : lines_of(std::string_view(text_))) tokenizer_.encode(line, text_ids_);
}

std::vector<lab::Check> NgramTrial::verify() {
    tokenize_train();
    text_ids_checked_ = text_ids_;
    model_.emplace(request_.train->ids, tokenizer_.size(), request_.order);
    for (const Split& split : request_.held_out) log_probabilities_.push_back(scored(split.corpus->ids, request_.threads));
    std::vector<lab::Check> checks = check_corpora(request_, tokenizer_);
    std::ranges::move(check_model(), std::back_inserter(checks));
    if (!request_.ids.empty()) write_all_ids();
    return checks;
}

std::vector<lab::Check> NgramTrial::check_model() const {
    const std::span<const Id> stream = start_of(*request_.held_out.front().corpus);
    const std::size_t vocabulary = tokenizer_.size();
    const auto contexts = sample_contexts(stream, static_cast<std::size_t>(request_.order) - 1, vocabulary, 6, 3, request_.seed);
    // Each probability is off by its roundings, the sum by one for each term: all relative to a total of 1.
    const double bound = (static_cast<double>(vocabulary) + roundings_an_order * request_.order) * rounding_unit;
    std::vector<lab::Check> checks = {
        check_sums([this](std::span<const Id> context) { return model_->distribution(context); }, contexts, bound),
        check_formula(),
        check_causality([this](std::span<const Id> ids) { return scored(ids, request_.threads); }, stream, vocabulary, request_.seed),
    };
    for (std::size_t split = 0; split < request_.held_out.size(); ++split) {
        const int others = request_.threads == 1 ? 3 : 1;
        checks.push_back(check_same_bits("threads do not count, " + request_.held_out[split].name, std::to_string(others) + " threads",
                                         log_probabilities_[split], scored(request_.held_out[split].corpus->ids, others)));
    }
    return checks;
}

lab::Check NgramTrial::check_formula() const {
    constexpr int samples = 3;
    std::vector<double> discounts;
    for (int k = 1; k <= request_.order; ++k) discounts.push_back(model_->discount(k));
    double worst = 0;
    for (const std::vector<Id>& gram :
         sample_contexts(start_of(*request_.held_out.front().corpus), static_cast<std::size_t>(request_.order), tokenizer_.size(), samples,
                         0, request_.seed)) {
        const auto context = std::span(gram).first(gram.size() - 1);
        const double expected = scanned_probability(request_.train->ids, tokenizer_.size(), discounts, context, gram.back());
        const double got = model_->distribution(context)[gram.back()];
        worst = std::max(worst, std::abs(got / expected - 1));
    }
    return lab::at_most("Kneser-Ney's formula", "the formula by going through all ids of train, " + std::to_string(samples) + " n-grams",
                        "largest relative difference", worst, 2 * roundings_an_order * request_.order * rounding_unit);
}

void NgramTrial::write_all_ids() const {
    std::error_code problem;
    std::filesystem::create_directories(request_.ids, problem);
    if (problem) {
        throw base::Error(base::ErrorKind::failed, "cannot make the folder " + request_.ids.string() + ": " + problem.message(),
                          "name another one in ids");
    }
    write_ids(request_.ids / "wiki.train.npz", *request_.train);
    for (const Split& split : request_.held_out) write_ids(request_.ids / ("wiki." + split.name + ".npz"), *split.corpus);
}

std::vector<lab::Action> NgramTrial::actions() {
    const auto count = [this] { model_.emplace(request_.train->ids, tokenizer_.size(), request_.order); };
    const auto score = [this] { scored_ = scored(request_.held_out.front().corpus->ids, request_.threads); };
    return {{"tokenize", [this] { tokenize_train(); }, [this] { tokenizer_.forget(); }},
            {"count", count, [this] { model_.reset(); }},
            {"score", score, {}}};
}

std::vector<lab::Check> NgramTrial::verify_after() {
    const bool same_ids = text_ids_ == text_ids_checked_;
    return {check_same_bits("last scores", "those that were checked before timing", scored_, log_probabilities_.front()),
            lab::at_most("last ids", "those that were checked before timing", "texts that differ", same_ids ? 0 : 1, 0)};
}

std::size_t NgramTrial::count_unseen(const Corpus& held_out) const {
    std::vector<bool> seen(tokenizer_.size());
    for (const Id id : request_.train->ids) seen[id] = true;
    return static_cast<std::size_t>(std::ranges::count_if(held_out.ids, [&](Id id) { return !seen[id]; }));
}

std::vector<lab::MetricValue> NgramTrial::metrics(const std::vector<lab::Timing>& timings) {
    std::vector<lab::MetricValue> all;
    for (std::size_t i = 0; i < request_.held_out.size(); ++i) {
        const Split& split = request_.held_out[i];
        const std::vector<Chunk> chunks = cut(split.corpus->line_sizes, request_.chunks);
        const Scores scores = summarize(log_probabilities_[i], chunks, request_.chunks.length, request_.batch);
        std::ranges::move(named_scores(split.name, scores, count(*split.corpus, tokenizer_)), std::back_inserter(all));
        all.push_back(lab::exact(split.name + "_unseen", static_cast<double>(count_unseen(*split.corpus))));
    }
    std::vector<bool> seen(tokenizer_.size());
    for (const Id id : request_.train->ids) seen[id] = true;
    const lab::Timing& tokenizing = timings[0];
    const lab::Timing& counting = timings[1];
    const lab::Timing& scoring = timings[2];
    std::vector<lab::MetricValue> others = {
        lab::exact("train_ids", static_cast<double>(request_.train->ids.size())),
        lab::exact("train_lines", static_cast<double>(request_.train->line_sizes.size())),
        lab::exact("train_distinct", static_cast<double>(std::ranges::count(seen, true))),
        lab::estimate("tokenizer_time", tokenizing.median, tokenizing.samples.size()),
        lab::estimate("tokenizer_throughput", rate(static_cast<double>(text_.size()), tokenizing.median), tokenizing.samples.size()),
        lab::estimate("count_time", counting.median, counting.samples.size()),
        lab::estimate("score_time", scoring.median, scoring.samples.size()),
        lab::estimate("score_throughput", rate(static_cast<double>(scored_.size()), scoring.median), scoring.samples.size()),
        lab::exact("ngrams", static_cast<double>(model_->ngrams(request_.order))),
        lab::exact("discount", model_->discount(request_.order)),
        lab::exact("model_bytes", static_cast<double>(model_->bytes())),
    };
    std::ranges::move(others, std::back_inserter(all));
    return all;
}

}  // namespace plumb::families::language
