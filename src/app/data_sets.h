// SPDX-License-Identifier: Apache-2.0
// Data sets that families read: small samples that came with the source, and larger ones that the user brings. Declared in
// data/manifest.toml.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plumb::app {

struct DataFile {
    std::filesystem::path path;  ///< absolute
    std::string sha256;
    std::int64_t bytes = 0;
};

struct DataSet {
    std::string name;
    std::string summary;
    std::string licence;
    std::string source;  ///< where it came from, and how to get it where it is not carried
    std::vector<DataFile> files;

    /// "present" or "missing", by existence and size; verify() reads the content.
    std::string state() const;
};

/// Folder of the manifest: PLUMB_DATA, else the data that came with the source.
std::filesystem::path data_folder();
/// Throws Error{missing} when the manifest is not there, Error{usage} when it is malformed.
std::vector<DataSet> data_sets();
/// Throws usage with the nearest name.
DataSet data_set_named(const std::string& name);
/// "passed", "missing" or "altered" by SHA-256 of the content.
std::string verify(const DataFile& file);

}  // namespace plumb::app
