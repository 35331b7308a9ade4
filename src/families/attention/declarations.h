// SPDX-License-Identifier: Apache-2.0
// What the family `attention` lets vary, what it measures and how that is drawn.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/attention.h"
#include "lab/figure.h"
#include "lab/schema.h"

namespace plumb::families::attention {

/// Every mask and its name as typed.
const std::vector<std::pair<kernels::attention::MaskKind, std::string>>& mask_names();

const lab::Schema& schema();
const std::vector<lab::Metric>& metrics();
const std::vector<lab::Figure>& figures();

}  // namespace plumb::families::attention
