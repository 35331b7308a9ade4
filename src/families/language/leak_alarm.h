// SPDX-License-Identifier: Apache-2.0
// Is a perplexity too good to be true? Word counts alone give a floor, which is computed on the very ids that the model was trained and
// scored on, and against which any model can be held.
//
// The rule: the alarm is raised where the model's perplexity is under 1 / leak_factor of that of interpolated Kneser-Ney of order 5.
// On WikiText-2 with GPT-1 ids that is 263 / 4 = 66 for validation. Correct models trained from scratch on it reach 140 to 149 (0.55 of the
// floor); a notebook whose mask let the future through printed 1.1 (0.004). Text that the model saw elsewhere (pretrained weights) also
// raises it: that is what it is for. Above the perplexity of a unigram model a model has learnt less than how often each id occurs.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "families/language/byte_pairs.h"
#include "families/language/kneser_ney.h"
#include "lab/check.h"

namespace plumb::families::language {

inline constexpr int floor_order = 5;
inline constexpr double leak_factor = 4;

/// Mean of -ln p over all ids of `held_out` but the first.
double mean_nats(const KneserNey& model, std::span<const Id> held_out, int threads = 1);

/// mean_nats() of Kneser-Ney of `order` counted on `train`.
double kneser_ney_floor(std::span<const Id> train, std::span<const Id> held_out, std::size_t vocabulary, int order = floor_order,
                        int threads = 1);

/// Both from the same ids. In nats an id.
struct Floor {
    double unigram = 0;  ///< kneser_ney_floor() of order 1
    double ngram = 0;    ///< of floor_order
};
Floor measure_floor(std::span<const Id> train, std::span<const Id> held_out, std::size_t vocabulary, int threads = 1);
/// The same of several held-out parts; train is counted once.
std::vector<Floor> measure_floors(std::span<const Id> train, const std::vector<std::span<const Id>>& held_out, std::size_t vocabulary,
                                  int threads = 1);

enum class Plausibility {
    leak,  ///< under 1 / leak_factor of the n-gram floor, or no number
    plausible,
    untaught,  ///< above the unigram model
};
std::string_view name(Plausibility plausibility);

/// `nats`: the model's mean an id over the same held-out ids.
Plausibility judge(double nats, const Floor& floor);

/// The alarm as a check: measured is the floor's perplexity by the model's, the bound leak_factor. Mistrusted where it is raised and where
/// the model is untaught.
lab::Check leak_check(const std::string& split, double nats, const Floor& floor);

}  // namespace plumb::families::language
