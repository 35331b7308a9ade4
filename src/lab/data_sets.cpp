// SPDX-License-Identifier: Apache-2.0
#include "lab/data_sets.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cstdlib>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace plumb::lab {

namespace fs = std::filesystem;

namespace {

template <class T>
T required(const toml::table& table, const char* key, const fs::path& manifest) {
    if (const auto value = table[key].value<T>()) return *value;
    throw base::Error(base::ErrorKind::usage, manifest.string() + ": a data set or file lacks '" + key + "'",
                      "see the other entries of the manifest");
}

/// The first of the places where a declared file may be kept.
fs::path locate(const fs::path& declared, const std::vector<fs::path>& folders) {
    const auto without_zst = [](fs::path path) { return path.extension() == ".zst" ? path.replace_extension() : path; };
    for (const fs::path& folder : folders) {
        for (const fs::path& path : {declared, without_zst(declared), declared.filename(), without_zst(declared.filename())}) {
            std::error_code ignored;
            if (fs::is_regular_file(folder / path, ignored)) return fs::absolute(folder / path);
        }
    }
    return {};
}

DataSet read_set(const toml::table& table, const fs::path& manifest, const std::vector<fs::path>& folders) {
    DataSet set;
    set.name = required<std::string>(table, "name", manifest);
    set.summary = required<std::string>(table, "summary", manifest);
    set.licence = required<std::string>(table, "licence", manifest);
    set.source = required<std::string>(table, "source", manifest);
    const toml::array* files = table["file"].as_array();
    for (std::size_t i = 0; files != nullptr && i < files->size(); ++i) {
        const toml::table* file = files->get(i)->as_table();
        if (file == nullptr) continue;
        const fs::path declared = required<std::string>(*file, "path", manifest);
        set.files.push_back({set.name, file->get("name") ? required<std::string>(*file, "name", manifest) : declared.stem().string(),
                             locate(declared, folders), required<std::string>(*file, "sha256", manifest),
                             required<std::int64_t>(*file, "bytes", manifest)});
    }
    return set;
}

void read_manifest(const fs::path& manifest, const std::vector<fs::path>& folders, std::vector<DataSet>& sets) {
    try {
        const toml::table root = toml::parse(base::read_file(manifest), manifest.string());
        const toml::array* declared = root["set"].as_array();
        for (std::size_t i = 0; declared != nullptr && i < declared->size(); ++i) {
            const toml::table* table = declared->get(i)->as_table();
            if (table == nullptr) continue;
            DataSet set = read_set(*table, manifest, folders);
            if (std::ranges::find(sets, set.name, &DataSet::name) != sets.end()) {
                throw base::Error(base::ErrorKind::usage, manifest.string() + ": data set '" + set.name + "' is declared elsewhere too",
                                  "give it another name; a file of a known set needs no declaration, only its place");
            }
            sets.push_back(std::move(set));
        }
    } catch (const toml::parse_error& error) {
        throw base::Error(base::ErrorKind::usage, manifest.string() + ": " + std::string(error.description()), "mend the manifest");
    }
}

fs::path source_folder() {
    return fs::path(PLUMB_SOURCE_DIR) / "data";
}

std::string digest_of(const DataFile& file, std::string& content) {
    content = base::read_unpacked(file.path);
    return base::sha256_hex(content);
}

}  // namespace

std::string DataSet::state() const {
    const auto here = std::ranges::count_if(files, &DataFile::present);
    return here == static_cast<std::ptrdiff_t>(files.size()) ? "present" : here > 0 ? "partly" : "missing";
}

std::vector<fs::path> data_folders() {
    std::vector<fs::path> folders;
    if (const char* given = std::getenv("PLUMB_DATA")) {
        for (const std::string& folder : base::split(given, ':')) {
            if (!folder.empty()) folders.emplace_back(folder);
        }
    }
    folders.push_back(source_folder());
    return folders;
}

std::vector<DataSet> data_sets() {
    const std::vector<fs::path> folders = data_folders();
    std::vector<DataSet> sets;
    read_manifest(source_folder() / "manifest.toml", folders, sets);
    for (const fs::path& folder : folders) {
        if (folder != source_folder() && fs::exists(folder / "manifest.toml")) read_manifest(folder / "manifest.toml", folders, sets);
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
    if (!file.present()) return "missing";
    std::string content;
    return digest_of(file, content) == file.sha256 ? "passed" : "altered";
}

std::optional<DataFile> find_data_file(std::string_view word) {
    const std::size_t slash = word.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    for (const DataSet& set : data_sets()) {
        if (set.name != word.substr(0, slash)) continue;
        std::vector<std::string> names;
        for (const DataFile& file : set.files) {
            if (file.name == word.substr(slash + 1)) return file;
            names.push_back(file.name);
        }
        throw base::Error(base::ErrorKind::usage, "data set " + set.name + " has no file '" + std::string(word.substr(slash + 1)) + "'",
                          base::suggest(word.substr(slash + 1), names));
    }
    return std::nullopt;
}

std::string read_data_file(const DataFile& file) {
    const std::string word = file.set + "/" + file.name;
    if (!file.present()) {
        throw base::Error(base::ErrorKind::missing, "data file " + word + " is not here",
                          "put it into a folder and name that folder in PLUMB_DATA; plumb data list says where it comes from");
    }
    std::string content;
    if (digest_of(file, content) != file.sha256) {
        throw base::Error(base::ErrorKind::missing, "data file " + word + " is altered: " + file.path.string() + " has another SHA-256",
                          "fetch it anew; plumb data verify " + file.set + " reads all of them");
    }
    return content;
}

}  // namespace plumb::lab
