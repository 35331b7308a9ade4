// SPDX-License-Identifier: Apache-2.0
// Text behind a prompt, by the best model that a training left.
#pragma once
#include <filesystem>
#include <string>

#include "lab/record.h"

namespace plumb::families::language {

/// `prompt` as the tokenizer gives it back, " | ", and at most 60 ids drawn from the model (temperature 1, numbers keyed by the run's
/// seed); fewer where the model's context ends. `run` is the run's folder. Throws unsupported for a run that trained no model, missing
/// where it kept none, usage for a prompt without an id or longer than the context.
std::string continued(const lab::Record& record, const std::filesystem::path& run, const std::string& prompt);

}  // namespace plumb::families::language
