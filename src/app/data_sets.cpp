// SPDX-License-Identifier: Apache-2.0
#include "app/data_sets.h"

#include <toml++/toml.h>
#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace plumb::app {

namespace fs = std::filesystem;

namespace {

template <class T>
T required(const toml::table& table, const char* key, const fs::path& manifest) {
    if (const auto value = table[key].value<T>()) return *value;
    throw base::Error(base::ErrorKind::usage, manifest.string() + ": a data set or file lacks '" + key + "'",
                      "see the other entries of the manifest");
}

DataSet read_set(const toml::table& table, const fs::path& manifest) {
    DataSet set;
    set.name = required<std::string>(table, "name", manifest);
    set.summary = required<std::string>(table, "summary", manifest);
    set.licence = required<std::string>(table, "licence", manifest);
    set.source = required<std::string>(table, "source", manifest);
    if (const toml::array* files = table["file"].as_array()) {
        for (const toml::node& node : *files) {
            const toml::table* file = node.as_table();
            if (!file) continue;
            set.files.push_back({manifest.parent_path() / required<std::string>(*file, "path", manifest),
                                 required<std::string>(*file, "sha256", manifest), required<std::int64_t>(*file, "bytes", manifest)});
        }
    }
    return set;
}

}  // namespace

std::string DataSet::state() const {
    for (const DataFile& file : files) {
        std::error_code ignored;
        if (!fs::exists(file.path) || static_cast<std::int64_t>(fs::file_size(file.path, ignored)) != file.bytes) return "missing";
    }
    return "present";
}

fs::path data_folder() {
    const char* given = std::getenv("PLUMB_DATA");
    return given && *given ? fs::path(given) : fs::path(PLUMB_SOURCE_DIR) / "data";
}

std::vector<DataSet> data_sets() {
    const fs::path manifest = data_folder() / "manifest.toml";
    std::vector<DataSet> sets;
    try {
        const toml::table root = toml::parse(base::read_file(manifest), manifest.string());
        if (const toml::array* declared = root["set"].as_array()) {
            for (const toml::node& node : *declared) {
                if (const toml::table* table = node.as_table()) sets.push_back(read_set(*table, manifest));
            }
        }
    } catch (const toml::parse_error& error) {
        throw base::Error(base::ErrorKind::usage, manifest.string() + ": " + std::string(error.description()), "mend the manifest");
    }
    return sets;
}

DataSet data_set_named(const std::string& name) {
    std::vector<std::string> names;
    for (DataSet& set : data_sets()) {
        if (set.name == name) return set;
        names.push_back(set.name);
    }
    throw base::Error(base::ErrorKind::usage, "no data set '" + name + "'", base::suggest(name, names));
}

std::string verify(const DataFile& file) {
    if (!fs::exists(file.path)) return "missing";
    return base::file_sha256_hex(file.path) == file.sha256 ? "passed" : "altered";
}

}  // namespace plumb::app
