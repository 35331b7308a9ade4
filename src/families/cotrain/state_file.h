// SPDX-License-Identifier: Apache-2.0
// The state of every split as a text, so that a run goes on with the same bits: numbers are written so that they read back exactly.
#pragma once
#include <string>
#include <vector>

#include "families/cotrain/rounds.h"
#include "nlohmann/json.hpp"

namespace plumb::families::cotrain {

nlohmann::json to_json(const SplitState& state);
/// Throws usage where the text is not what to_json() gave.
SplitState state_from_json(const nlohmann::json& json);

}  // namespace plumb::families::cotrain
