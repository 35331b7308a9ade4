// SPDX-License-Identifier: Apache-2.0
#include "families/language/batches.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/random.h"

namespace plumb::families::language {

Batch::Batch(std::span<const Id> ids, std::span<const Chunk> chunks, Weighting weighting)
    : rows_(std::ssize(chunks)), predictions_(language::predictions(chunks)) {
    for (const Chunk& chunk : chunks) length_ = std::max(length_, chunk.targets);
    const auto length = static_cast<std::size_t>(length_);
    sources_.resize(chunks.size() * length);
    targets_.resize(sources_.size());
    weights_.resize(sources_.size());
    for (std::size_t row = 0; row < chunks.size(); ++row) {
        const auto part = [&](auto& all) { return std::span(all).subspan(row * length, length); };
        fill(chunks[row], ids, part(sources_), part(targets_), part(weights_));
        const auto sharing = weighting == Weighting::predictions ? predictions_ : rows_ * chunks[row].targets;
        for (float& weight : part(weights_)) weight /= static_cast<float>(sharing);
    }
}

nn::TokenBatch Batch::part(std::int64_t begin, std::int64_t end) const {
    const auto rows = [&](const auto& all) {
        return std::span(all).subspan(static_cast<std::size_t>(begin * length_), static_cast<std::size_t>((end - begin) * length_));
    };
    return {end - begin, length_, rows(sources_), rows(targets_), rows(weights_)};
}

std::vector<nn::TokenBatch> Batch::pieces(std::int64_t count) const {
    const std::int64_t size = (rows_ + count - 1) / count;
    std::vector<nn::TokenBatch> made;
    for (std::int64_t begin = 0; begin < rows_; begin += size) made.push_back(part(begin, std::min(begin + size, rows_)));
    return made;
}

std::vector<Chunk> Epochs::at(std::int64_t step) {
    const std::int64_t epoch = step / steps_an_epoch();
    if (epoch != ordered_) {
        const base::RandomStream random(seed_, "order of epoch " + std::to_string(epoch));
        order_.resize(chunks_.size());
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i, i)]);
        ordered_ = epoch;
    }
    const auto first = static_cast<std::size_t>(step % steps_an_epoch() * batch_);
    const std::size_t last = std::min(first + static_cast<std::size_t>(batch_), order_.size());
    std::vector<Chunk> made;
    for (std::size_t i = first; i < last; ++i) made.push_back(chunks_[order_[i]]);
    return made;
}

void score(nn::LanguageTrainer& trainer, std::span<const Id> ids, std::span<const Chunk> chunks, std::int64_t batch,
           std::span<double> out) {
    std::vector<double> log_probabilities;
    for (std::size_t first = 0; first < chunks.size(); first += static_cast<std::size_t>(batch)) {
        const auto members = chunks.subspan(first, std::min(static_cast<std::size_t>(batch), chunks.size() - first));
        const Batch made(ids, members);
        const nn::TokenBatch view = made.view();
        log_probabilities.resize(view.targets.size());
        trainer.log_probabilities(view, log_probabilities);
        for (std::size_t row = 0; row < members.size(); ++row) {
            const auto begin = log_probabilities.begin() + static_cast<std::ptrdiff_t>(row) * view.length;
            std::copy_n(begin, members[row].targets, out.begin() + members[row].begin + 1);
        }
    }
}

}  // namespace plumb::families::language
