// SPDX-License-Identifier: Apache-2.0
// A training as the notebook logs it (log_folder.h), so that its own plots read plumb's runs. Its epoch is an evaluation here.
#pragma once
#include <filesystem>
#include <string>

#include "families/language/neural_request.h"

namespace plumb::families::language {

/// Writes `folder`/EXP_ID. `curves`: content of curves.csv. `memory`: bytes. The notebook scores test once, behind the last epoch.
void write_notebook_logs(const std::filesystem::path& folder, const Request& request, const NeuralRequest& neural,
                         const std::string& curves, double memory);

}  // namespace plumb::families::language
