// SPDX-License-Identifier: Apache-2.0
// The language models trained as a LibTorch user writes it: at::embedding, at::lstm as torch::nn::LSTM calls it or
// scaled_dot_product_attention, a plain form of the loss (plain_loss.h), the optimizer that Python has as AdamW(fused=True). What
// LanguageTrainer's speed and memory are held against, and in tests its losses and gradients: the two share no code.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/language_trainer.h"

namespace plumb::nn {

class PlainLanguageTrainer {
  public:
    virtual ~PlainLanguageTrainer() = default;
    /// One update; the loss before it, as LanguageTrainer::step() on one piece.
    virtual double step(const TokenBatch& batch, double rate) = 0;
    /// As LanguageTrainer::gradients().
    virtual std::map<std::string, std::vector<double>> gradients(const TokenBatch& batch) = 0;
};

/// Names of plain_loss.h; none without LibTorch.
std::vector<std::string> plain_loss_names();

/// Begins with the parameters of `start`, a trainer of the same form; `wide`: in fp64. Throws usage for a form with dropout, an output
/// bias, pre_norm, clipping, without its mask or by another optimizer than adamw, and for a loss that is none; unsupported without
/// LibTorch.
std::unique_ptr<PlainLanguageTrainer> make_plain_language_trainer(const TrainerForm& form, LanguageTrainer& start, const std::string& loss,
                                                                  bool wide = false);

}  // namespace plumb::nn
