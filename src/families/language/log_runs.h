// SPDX-License-Identifier: Apache-2.0
// Log folders of the notebook's runs as runs of the family, so that they stand in plumb's tables and figures. The other way:
// notebook_logs.h.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "families/language/log_folder.h"
#include "lab/foreign.h"

namespace plumb::families::language {

/// The run of a log folder as an imported one: the settings that its arguments name, its best epoch, and its curves. Throws failed naming
/// the argument that is missing or of another type.
lab::ForeignRow foreign_row(const LogFolder& logs, const std::filesystem::path& folder);

/// `path` itself where it holds args.json, else every folder in it that does, in order of name, numbers by size. Throws missing where there
/// is none.
std::vector<std::filesystem::path> log_folders(const std::filesystem::path& path);

}  // namespace plumb::families::language
