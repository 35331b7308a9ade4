// SPDX-License-Identifier: Apache-2.0
// What a neural model is held to before and after training: its numbers come from the past alone, are those of its formula computed
// otherwise, and its gradients are those of its loss.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "families/language/byte_pairs.h"
#include "lab/check.h"
#include "nn/language_trainer.h"

namespace plumb::families::language {

/// Other ids behind a place leave every earlier log-probability bit-equal (model_checks.h), and the loss at a place has no gradient by the
/// embeddings behind it: both on the first ids of `stream`, as many as the model's context holds.
std::vector<lab::Check> check_past_alone(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream,
                                         std::uint64_t seed);

/// Place by place, each computed before the next id is looked at, gives what the whole sequence gives, up to rounding.
lab::Check check_step_by_step(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream);

/// Log-probabilities against the same features through LibTorch's linear and log_softmax in fp64: at most twice as far off as LibTorch's
/// own in fp32.
lab::Check check_output_layer(nn::LanguageTrainer& trainer, const nn::LanguageForm& form, std::span<const Id> stream);

/// A small model of the same form: each parameter's gradient against a difference of the loss along it.
lab::Check check_gradients(const nn::TrainerForm& form);

}  // namespace plumb::families::language
