// SPDX-License-Identifier: Apache-2.0
// What a training step has to compute and what the machine could: a step's share of the peak is operations / time / peak.
#pragma once
#include <cstdint>

#include "nn/language_form.h"

namespace plumb::families::language {

/// Multiplications and additions of the products of one step on `sequences` of `length` places of which `predictions` are predicted, as the
/// model is defined: forward, and backward by everything that is trained. Attention counts the keys that a place sees. Nothing is taken off
/// for an id that stands in many places, though its embedding need be projected once; nothing is added for what a method computes again.
double training_operations(const nn::LanguageForm& form, std::int64_t sequences, std::int64_t length, std::int64_t predictions);

/// fp32 multiplications and additions a second that `threads` threads reach right now, the best of some probes: ten milliseconds.
double measure_peak(int threads);

}  // namespace plumb::families::language
