// SPDX-License-Identifier: Apache-2.0
// Digests: XXH3-128 for identity and torn-write detection, SHA-256 for data that came from elsewhere. Both as lower-case hex.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace plumb::base {

std::uint64_t xxh3_64(std::string_view bytes);
std::string xxh3_hex(std::string_view bytes);                  ///< 32 hex digits, of XXH3's 128 bits
std::string sha256_hex(std::string_view bytes);                ///< 64 hex digits
std::string file_xxh3_hex(const std::filesystem::path& path);  ///< throws Error{missing} naming the file
/// The same, from memory where this process digested the file already and neither its size nor its time has changed since.
std::string known_file_xxh3_hex(const std::filesystem::path& path);
std::string file_sha256_hex(const std::filesystem::path& path);  ///< throws Error{missing} naming the file

}  // namespace plumb::base
