// SPDX-License-Identifier: Apache-2.0
// Small language models and batches of random ids for the tests of the trainer.
#pragma once
#include <vector>

#include "base/random.h"
#include "nn/language_trainer.h"

namespace plumb::nn::test {

inline constexpr std::uint64_t seed = 17;

inline TrainerForm small_form(Architecture architecture) {
    TrainerForm form;
    form.model.architecture = architecture;
    form.model.vocabulary = 11;
    form.model.width = 12;
    form.model.hidden = 10;
    form.model.heads = 3;
    form.model.feed_forward = 20;
    form.model.context = 16;
    form.model.layers = 2;
    form.seed = seed;
    return form;
}

/// Owns what a TokenBatch borrows: random ids from 1 on, the last places of the last row without a target.
struct MadeBatch {
    MadeBatch(std::int64_t row_count, std::int64_t row_length, std::int64_t vocabulary, std::uint64_t draw, std::int64_t unused = 0)
        : rows(row_count), length(row_length) {
        const base::RandomStream random(seed + draw, "batch");
        const auto places = static_cast<std::size_t>(rows * length);
        for (std::size_t i = 0; i < places + 1; ++i)
            ids.push_back(static_cast<TokenId>(1 + random.below(i, static_cast<std::uint64_t>(vocabulary) - 1)));
        sources.assign(ids.begin(), ids.end() - 1);
        targets.assign(ids.begin() + 1, ids.end());
        weights.assign(places, 1.0F / static_cast<float>(rows * length - unused));
        for (std::int64_t i = 0; i < unused; ++i) weights[places - 1 - static_cast<std::size_t>(i)] = 0;
    }
    TokenBatch view() const { return {rows, length, sources, targets, weights}; }
    /// Rows [begin, end).
    TokenBatch part(std::int64_t begin, std::int64_t end) const {
        const auto cut = [&](const auto& all) {
            return std::span(all).subspan(static_cast<std::size_t>(begin * length), static_cast<std::size_t>((end - begin) * length));
        };
        return {end - begin, length, cut(sources), cut(targets), cut(weights)};
    }
    std::int64_t rows, length;
    std::vector<TokenId> ids, sources, targets;
    std::vector<float> weights;
};

inline std::vector<double> log_probabilities(LanguageTrainer& trainer, const TokenBatch& batch) {
    std::vector<double> out(batch.targets.size());
    trainer.log_probabilities(batch, out);
    return out;
}

/// The loss as weights and log-probabilities give it.
inline double loss_of(LanguageTrainer& trainer, const TokenBatch& batch) {
    const std::vector<double> log_p = log_probabilities(trainer, batch);
    double loss = 0;
    for (std::size_t i = 0; i < log_p.size(); ++i) loss -= static_cast<double>(batch.weights[i]) * log_p[i];
    return loss;
}

}  // namespace plumb::nn::test
