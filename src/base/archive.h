// SPDX-License-Identifier: Apache-2.0
// Files inside an archive: tar, zip and what else libarchive tells by content, packed or not.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace plumb::base {

/// Calls `take(name, content)` for every regular file, in the archive's order; `name` is the path as the archive has it. Throws
/// Error{missing} where there is no such file, Error{failed} where it is no archive, cut short or damaged.
void each_in_archive(const std::filesystem::path& path, const std::function<void(const std::string& name, std::string content)>& take);
/// Whether the name ends like an archive: .tar, .zip, .tar.gz, .tgz, .tar.zst, .tar.xz.
bool names_archive(const std::filesystem::path& path);

}  // namespace plumb::base
