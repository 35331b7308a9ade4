// SPDX-License-Identifier: Apache-2.0
// Checks that any language model passes or has no number: what it gives are probabilities, and they come from the past alone.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "families/language/byte_pairs.h"
#include "lab/check.h"

namespace plumb::families::language {

/// ln p of each id of a stream given those before it.
using Scorer = std::function<std::vector<double>(std::span<const Id>)>;
/// p of every id of the vocabulary behind a context.
using Distribution = std::function<std::vector<double>(std::span<const Id>)>;

/// Contexts of `size` ids: `seen` of them from random places of the stream, `unseen` of them made of random ids.
std::vector<std::vector<Id>> sample_contexts(std::span<const Id> stream, std::size_t size, std::size_t vocabulary, int seen, int unseen,
                                             std::uint64_t seed);

/// Over each context the probabilities add up to 1, within `bound`.
lab::Check check_sums(const Distribution& distribution, std::span<const std::vector<Id>> contexts, double bound);

/// Other ids behind a random place leave every earlier number bit-equal; three places. Mistrusted where they change no later number either.
lab::Check check_causality(const Scorer& scorer, std::span<const Id> stream, std::size_t vocabulary, std::uint64_t seed);

/// Bit-equal numbers from two ways of scoring the same stream.
lab::Check check_same_bits(std::string name, std::string reference, std::span<const double> got, std::span<const double> expected);

}  // namespace plumb::families::language
