// SPDX-License-Identifier: Apache-2.0
// What the family `cotrain` lets vary, what it measures and how that is drawn.
#pragma once
#include <string>
#include <vector>

#include "lab/figure.h"
#include "lab/schema.h"

namespace plumb::families::cotrain {

const lab::Schema& schema();
const std::vector<lab::Metric>& metrics();
const std::vector<lab::Figure>& figures();

/// Words in the order of the enumerations of rounds.h and probability.h.
std::vector<std::string> exchange_names();
std::vector<std::string> training_names();
std::vector<std::string> joint_names();

}  // namespace plumb::families::cotrain
