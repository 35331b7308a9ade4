// SPDX-License-Identifier: Apache-2.0
// What the family `language` lets one vary, what it measures, and how that is drawn.
#pragma once
#include <vector>

#include "lab/figure.h"
#include "lab/schema.h"

namespace plumb::families::language {

const lab::Schema& schema();
const std::vector<lab::Metric>& metrics();
const std::vector<lab::Figure>& figures();

}  // namespace plumb::families::language
