// SPDX-License-Identifier: Apache-2.0
// Chunks of a corpus as batches for a neural model. The order of an epoch is a function of (seed, epoch), so a place in training is a step
// number and nothing else.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "families/language/chunks.h"
#include "nn/language_trainer.h"

namespace plumb::families::language {

/// What a prediction counts in the loss of a step: every one the same, or every sequence the same, as in the notebook. They differ where a
/// batch has sequences of different lengths.
enum class Weighting { predictions, sequences };

/// Owns what its views borrow.
class Batch {
  public:
    /// Rows are the chunks, as long as the longest of them. Weights add up to 1.
    Batch(std::span<const Id> ids, std::span<const Chunk> chunks, Weighting weighting = Weighting::predictions);

    nn::TokenBatch view() const { return part(0, rows_); }
    /// The rows in at most `count` parts of equal size, the last perhaps smaller.
    std::vector<nn::TokenBatch> pieces(std::int64_t count) const;
    std::int64_t predictions() const { return predictions_; }

  private:
    nn::TokenBatch part(std::int64_t begin, std::int64_t end) const;
    std::int64_t rows_;
    std::int64_t length_ = 0;
    std::int64_t predictions_;
    std::vector<Id> sources_, targets_;
    std::vector<float> weights_;
};

/// The chunks in the order of an epoch, cut into steps of `batch` sequences, the last perhaps smaller.
class Epochs {
  public:
    Epochs(std::vector<Chunk> chunks, std::int64_t batch, std::uint64_t seed) : chunks_(std::move(chunks)), batch_(batch), seed_(seed) {}
    std::int64_t steps_an_epoch() const { return (std::ssize(chunks_) + batch_ - 1) / batch_; }
    /// `step` from 0, over all epochs.
    std::vector<Chunk> at(std::int64_t step);

  private:
    std::vector<Chunk> chunks_;
    std::int64_t batch_;
    std::uint64_t seed_;
    std::int64_t ordered_ = -1;       ///< epoch of order_
    std::vector<std::size_t> order_;  ///< of chunks_
};

/// `out[t]` becomes ln p of the id at place t for every prediction of the chunks, `batch` sequences at a time; other places keep what they
/// have.
void score(nn::LanguageTrainer& trainer, std::span<const Id> ids, std::span<const Chunk> chunks, std::int64_t batch, std::span<double> out);

}  // namespace plumb::families::language
