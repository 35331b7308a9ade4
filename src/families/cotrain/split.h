// SPDX-License-Identifier: Apache-2.0
// Which samples are labelled, validate, test, or wait in the pool. Every split is a pure function of data, request, seed and index.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "families/cotrain/features.h"

namespace plumb::families::cotrain {

enum class SplitRule {
    stratified,  ///< test by share of every class, labels and validation by count of every class
    seed         ///< the notebook's: 75 % unlabelled, then 20 % test, then 12.5 % validation, by random.sample of one seed
};

struct SplitRequest {
    SplitRule rule = SplitRule::stratified;
    std::vector<std::int64_t> labels;  ///< labelled samples of every class
    std::int64_t validation = 0;       ///< validating samples of every class
    double test = 0.2;                 ///< below 1: share of all samples; else their number
};

struct Split {
    std::vector<Sample> labelled;
    std::vector<Sample> validation;
    std::vector<Sample> test;
    std::vector<Sample> pool;    ///< in random order, which the rule `pool` draws by
    std::vector<Sample> unused;  ///< left out so that no group stands on both sides
};

/// Throws unsupported where a class has too few samples or groups for the request, or no label.
Split make_split(const TwoViews& data, const SplitRequest& request, std::uint64_t seed, std::int64_t index);

/// Labelled and pool, by rising sample: features of the pool are known, its labels are not; test and validation stay unseen.
std::vector<Sample> visible_samples(const Split& split);

/// Sets of one round. Every sample must be in exactly one of labelled, validation, test, unused, pool, or be pseudo-labelled.
/// Counts samples for which that does not hold, and pseudo-labels that stand twice in one view.
std::int64_t misplaced(const Split& split, const std::vector<Sample>& pool, const std::vector<Sample>& pseudo0,
                       const std::vector<Sample>& pseudo1, std::int64_t samples);
/// Groups with members on two of the sides {labelled, pool}, {validation}, {test}.
std::int64_t leaking_groups(const TwoViews& data, const Split& split);

}  // namespace plumb::families::cotrain
