// SPDX-License-Identifier: Apache-2.0
#include "families/language/scores.h"

#include <algorithm>
#include <cmath>

namespace plumb::families::language {

namespace {

double nats_of(std::span<const double> log_probabilities, const Chunk& chunk) {
    double sum = 0;
    for (std::int64_t t = chunk.begin + 1; t <= chunk.begin + chunk.targets; ++t) sum -= log_probabilities[static_cast<std::size_t>(t)];
    return sum;
}

std::int64_t batches_of(std::span<const Chunk> chunks, std::int64_t batch) {
    return (static_cast<std::int64_t>(chunks.size()) + batch - 1) / batch;
}

}  // namespace

double Scores::perplexity() const {
    return std::exp(nats);
}

double Scores::printed_perplexity() const {
    return std::exp(printed_nats);
}

double printed_nats(std::span<const double> log_probabilities, std::span<const Chunk> chunks, std::int64_t length, std::int64_t batch) {
    double sum = 0;
    const auto batch_size = static_cast<std::size_t>(batch);
    for (std::size_t first = 0; first < chunks.size(); first += batch_size) {
        const std::span<const Chunk> members = chunks.subspan(first, std::min(batch_size, chunks.size() - first));
        double means = 0;
        for (const Chunk& chunk : members) means += nats_of(log_probabilities, chunk) / static_cast<double>(chunk.targets);
        sum += means / static_cast<double>(members.size()) * static_cast<double>(predictions(members));
    }
    return sum / static_cast<double>(batches_of(chunks, batch) * batch * length);
}

Scores summarize(std::span<const double> log_probabilities, std::span<const Chunk> chunks, std::int64_t length, std::int64_t batch) {
    Scores scores;
    scores.predictions = predictions(chunks);
    scores.sequences = static_cast<std::int64_t>(chunks.size());
    scores.batches = batches_of(chunks, batch);
    for (const Chunk& chunk : chunks) scores.nats += nats_of(log_probabilities, chunk);
    scores.nats /= static_cast<double>(scores.predictions);
    scores.printed_nats = printed_nats(log_probabilities, chunks, length, batch);
    return scores;
}

std::vector<lab::Metric> score_metrics(const std::string& split) {
    using Better = lab::Metric::Better;
    const auto lower = [&](const std::string& name, const std::string& help, const std::string& unit, bool headline = false) {
        return lab::Metric{split + "_" + name, help, unit, Better::lower, headline};
    };
    const auto fact = [&](const std::string& name, const std::string& help) {
        return lab::Metric{split + "_" + name, help, "", Better::neither, false};
    };
    return {
        lower("perplexity", split + ": exp of the mean of -ln p over all predicted ids", "", true),
        lower("printed_perplexity", split + ": as the notebook prints it, the last batch counted as full: too small", "", true),
        lower("nats", split + ": mean of -ln p over all predicted ids", "nats/id"),
        lower("bits", split + ": the same in bits", "bits/id"),
        lower("word_perplexity", split + ": exp of all nats by the words between blanks of the text", ""),
        lower("split_word_perplexity", split + ": the same by the tokenizer's words: each punctuation mark is one", ""),
        lower("bits_per_byte", split + ": all bits by the bytes of the text as it is; not where the source is ids", "bits/B"),
        lower("bits_per_decoded_byte", split + ": all bits by the bytes of the decoded text: lower case, punctuation apart", "bits/B"),
        fact("predictions", split + ": predicted ids"),
        fact("sequences", split + ": sequences of at most `length` predictions"),
        fact("batches", split + ": batches of `batch` sequences, the last perhaps smaller"),
        fact("unseen", split + ": ids at places whose id never occurs in train"),
    };
}

std::vector<lab::MetricValue> named_scores(const std::string& split, const Scores& scores, const Counts& counts) {
    const double nats = scores.nats * static_cast<double>(scores.predictions);
    const double bits = nats / std::log(2.0);
    std::vector<lab::MetricValue> values;
    const auto give = [&](const std::string& name, double value) { values.push_back(lab::exact(split + "_" + name, value)); };
    give("perplexity", scores.perplexity());
    give("printed_perplexity", scores.printed_perplexity());
    give("nats", scores.nats);
    give("bits", scores.nats / std::log(2.0));
    if (counts.words) give("word_perplexity", std::exp(nats / static_cast<double>(*counts.words)));
    give("split_word_perplexity", std::exp(nats / static_cast<double>(counts.split_words)));
    if (counts.bytes) give("bits_per_byte", bits / static_cast<double>(*counts.bytes));
    give("bits_per_decoded_byte", bits / static_cast<double>(counts.decoded_bytes));
    give("predictions", static_cast<double>(scores.predictions));
    give("sequences", static_cast<double>(scores.sequences));
    give("batches", static_cast<double>(scores.batches));
    return values;
}

}  // namespace plumb::families::language
