// SPDX-License-Identifier: Apache-2.0
// How a run folder is written and read: plain files, and run.json with the size and digest of each of them, sealed with a digest of itself.
#pragma once
#include <filesystem>
#include <string>

#include "lab/record.h"

namespace plumb::lab {

/// Writes config.toml, host.json, checks.json, metrics.jsonl (the summary lines are appended to the steps) and samples/ into `folder`.
void write_run_files(const std::filesystem::path& folder, const Record& record, const std::string& config_toml);
/// Writes run.json over everything that is in the folder; returns the folder's size in bytes. Nothing may be added afterwards.
std::int64_t write_seal(const std::filesystem::path& folder, const Record& record);
/// The sealed record. Throws Error{failed} saying what is missing, torn or altered.
Record read_sealed(const std::filesystem::path& folder);
/// The drops of a metrics.jsonl that a killed process left: complete lines with a step below `step`.
void rewind_metrics(const std::filesystem::path& metrics_file, std::int64_t step);

}  // namespace plumb::lab
