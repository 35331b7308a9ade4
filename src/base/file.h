// SPDX-License-Identifier: Apache-2.0
// Whole-file reading and writing that survives a kill at any moment.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace plumb::base {

/// Throws Error{missing} naming the path.
std::string read_file(const std::filesystem::path& path);
/// The same, unpacked where the content is Zstandard frames (RFC 8878, told by the magic number). Throws Error{failed} where those are
/// damaged.
std::string read_unpacked(const std::filesystem::path& path);
/// Writes and fsyncs in place: for files inside a folder that counts only once it is sealed. Throws Error{failed} with the system's reason.
void write_file(const std::filesystem::path& path, std::string_view content);
/// Temporary name in the same folder, fsync, rename, fsync of the folder: readers see the old file or the new one, never a part.
void replace_file(const std::filesystem::path& path, std::string_view content);
/// The same; the content is the pieces one after the other.
void replace_file(const std::filesystem::path& path, std::span<const std::string_view> pieces);
/// A name in the folder of `path` that no other process or thread gets, for a file that move_into_place() later makes `path`.
std::filesystem::path temporary_beside(const std::filesystem::path& path);
/// fsync of the file `temporary`, rename, fsync of the folder.
void move_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path);
/// 20261122T014237.123Z
std::string utc_timestamp();
/// 2026-11-22T01:42:37Z
std::string utc_iso8601();

}  // namespace plumb::base
