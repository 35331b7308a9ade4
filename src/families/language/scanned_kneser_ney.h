// SPDX-License-Identifier: Apache-2.0
// Kneser-Ney as its formula reads (kneser_ney.h), by going through the training ids for every probability: slow, and independent of tables.
#pragma once
#include <span>
#include <vector>

#include "families/language/byte_pairs.h"

namespace plumb::families::language {

/// p(next | context) with the discounts given: discounts[k - 1] is D_k, their number the order.
double scanned_probability(std::span<const Id> train, std::size_t vocabulary, std::span<const double> discounts,
                           std::span<const Id> context, Id next);

/// D_1 to D_order by counting every n-gram in maps. For short streams.
std::vector<double> scanned_discounts(std::span<const Id> train, int order);

}  // namespace plumb::families::language
