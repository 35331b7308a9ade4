// SPDX-License-Identifier: Apache-2.0
// What a model's log-probabilities are worth, under each of the names in use. They are not the same number: the assignment's notebook
// divides by more predictions than there are, per-word figures depend on what a word is, per-byte figures on which bytes.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "families/language/chunks.h"
#include "families/language/corpus.h"
#include "lab/figure.h"
#include "lab/trial.h"

namespace plumb::families::language {

struct Scores {
    std::int64_t predictions = 0;
    std::int64_t sequences = 0;
    std::int64_t batches = 0;
    double nats = 0;          ///< mean of -ln p over all predictions
    double printed_nats = 0;  ///< as the notebook averages, see printed_nats()

    double perplexity() const;          ///< exp(nats)
    double printed_perplexity() const;  ///< exp(printed_nats): what the notebook prints
};

/// `log_probabilities[t]` is ln p of the id at place t of the stream. `batch`: sequences of a batch.
Scores summarize(std::span<const double> log_probabilities, std::span<const Chunk> chunks, std::int64_t length, std::int64_t batch);

/// The notebook's loss of an epoch: of each batch the mean over its sequences of each sequence's mean, times the batch's predictions,
/// summed, divided by batches x batch x length. The last batch counts as full, which makes the result too small.
double printed_nats(std::span<const double> log_probabilities, std::span<const Chunk> chunks, std::int64_t length, std::int64_t batch);

/// Declarations of what named_scores() gives for a split: "validation", "test".
std::vector<lab::Metric> score_metrics(const std::string& split);
/// Per-word and per-byte figures spread the nats of all predictions over what `counts` holds; those that it lacks are left out.
std::vector<lab::MetricValue> named_scores(const std::string& split, const Scores& scores, const Counts& counts);

}  // namespace plumb::families::language
