// SPDX-License-Identifier: Apache-2.0
// Data sets that families read: small samples that came with the source, and larger ones that the user brings. Declared in
// data/manifest.toml of the source and of every folder that PLUMB_DATA names (separated by ':'). A declared file is looked for in those
// folders, then in the source's: as <folder>/<path>, there without .zst, and by its bare name.
// To add a data set: its files and the SHA-256 of their unpacked content in a manifest.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::lab {

struct DataFile {
    std::string set;             ///< "silesia"
    std::string name;            ///< "dickens"
    std::filesystem::path path;  ///< where it is kept, absolute, perhaps as .zst; empty: not here
    std::string sha256;          ///< of the unpacked content
    std::int64_t bytes = 0;      ///< of the unpacked content

    bool present() const { return !path.empty(); }
    bool operator==(const DataFile&) const = default;
};

struct DataSet {
    std::string name;
    std::string summary;
    std::string licence;
    std::string source;  ///< where it came from, and how to get what is not carried
    std::vector<DataFile> files;

    /// "present", "partly" or "missing", by existence; verify() reads the content.
    std::string state() const;
};

/// Folders that are searched, in order.
std::vector<std::filesystem::path> data_folders();
/// Throws Error{missing} when the source's manifest is not there, Error{usage} when a manifest is malformed or a set is declared twice.
std::vector<DataSet> data_sets();
/// Throws usage with the nearest name.
DataSet data_set_named(const std::string& name);
/// "passed", "missing" or "altered" by SHA-256 of the unpacked content.
std::string verify(const DataFile& file);

/// The file that "silesia/dickens" names; nullopt where the part before the slash is no data set. Throws usage with the nearest name where
/// the set has no such file.
std::optional<DataFile> find_data_file(std::string_view word);
/// The unpacked content, its SHA-256 checked. Throws missing with where to get it and where to put it, or that it is altered.
std::string read_data_file(const DataFile& file);

}  // namespace plumb::lab
