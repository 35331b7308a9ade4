// SPDX-License-Identifier: Apache-2.0
// What the family `fault` lets vary, what it measures and how that is drawn.
#pragma once
#include <string>
#include <vector>

#include "lab/figure.h"
#include "lab/schema.h"

namespace plumb::families::fault {

const lab::Schema& schema();
const std::vector<lab::Metric>& metrics();
const std::vector<lab::Figure>& figures();

/// Values of `checks`, each with what the one before it has.
const std::vector<std::string>& check_sets();
/// The word for all sites, or all models.
inline constexpr const char* all_of_them = "all";

}  // namespace plumb::families::fault
