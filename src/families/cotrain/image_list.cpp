// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/image_list.h"

#include <algorithm>
#include <array>

#include "base/archive.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lab/data_sets.h"

namespace plumb::families::cotrain {

namespace fs = std::filesystem;

namespace {

bool is_image(const fs::path& name) {
    std::string ending = name.extension().string();
    std::ranges::transform(ending, ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::array<std::string_view, 3> endings = {".jpg", ".jpeg", ".png"};
    return std::ranges::find(endings, ending) != endings.end();
}

std::string label_of(const fs::path& name) {
    return name.parent_path().filename().string();
}

/// The archive or folder that a word means, where it is here.
fs::path place_of(const std::string& word) {
    const auto known = lab::find_data_file(word);
    return known ? known->path : fs::path(word);
}

ImageList sorted(ImageList list, const std::string& word) {
    if (list.empty())
        throw base::Error(base::ErrorKind::usage, "'" + word + "' holds no image",
                          "a folder for every class with .jpg, .jpeg or .png files");
    std::ranges::sort(list, {}, &ImageFile::name);
    return list;
}

ImageList list_folder(const fs::path& folder) {
    ImageList list;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || !is_image(entry.path())) continue;
        const fs::path name = entry.path().lexically_relative(folder);
        list.push_back({name.generic_string(), label_of(name), entry.path(), nullptr});
    }
    return list;
}

ImageList list_archive(const fs::path& archive) {
    ImageList list;
    base::each_in_archive(archive, [&](const std::string& name, std::string content) {
        if (is_image(name)) list.push_back({name, label_of(name), {}, std::make_shared<const std::string>(std::move(content))});
    });
    return list;
}

struct Columns {
    std::size_t view[2] = {0, 0}, label = 0;
};

Columns columns_of(const std::string& csv, const std::vector<std::string>& header) {
    Columns columns;
    const auto find = [&](const char* name) {
        const auto at = std::ranges::find_if(header, [&](const std::string& cell) { return base::trim(cell) == name; });
        if (at == header.end())
            throw base::Error(base::ErrorKind::usage, csv + ", line 1: no column '" + name + "'", "columns view0, view1 and label");
        return static_cast<std::size_t>(at - header.begin());
    };
    columns.view[0] = find("view0");
    columns.view[1] = find("view1");
    columns.label = find("label");
    return columns;
}

std::string digest_of_list(const ImageList& list) {
    std::string all;
    for (const ImageFile& image : list) all += image.name + "\n" + image.label + "\n" + base::known_file_xxh3_hex(image.path) + "\n";
    return base::xxh3_hex(all);
}

}  // namespace

std::string ImageFile::read() const {
    return content ? *content : base::read_file(path);
}

bool names_images(const std::string& word) {
    const fs::path place = place_of(word);
    return fs::is_directory(place) || base::names_archive(place);
}

ImageList list_images(const std::string& word) {
    if (const auto known = lab::find_data_file(word); known && !known->present()) lab::read_data_file(*known);  // throws what to do
    const fs::path place = place_of(word);
    if (fs::is_directory(place)) return sorted(list_folder(place), word);
    return sorted(list_archive(place), word);
}

ImagePairs list_pairs(const std::string& csv) {
    std::vector<std::string> lines = base::split(base::read_unpacked(csv), '\n');
    const Columns columns = columns_of(csv, base::split(lines.front(), ','));
    const fs::path folder = fs::path(csv).parent_path();
    ImagePairs pairs;
    for (std::size_t line = 1; line < lines.size(); ++line) {
        if (base::trim(lines[line]).empty()) continue;
        const std::vector<std::string> cells = base::split(lines[line], ',');
        if (cells.size() <= std::max({columns.view[0], columns.view[1], columns.label}))
            throw base::Error(base::ErrorKind::usage,
                              csv + ", line " + std::to_string(line + 1) + ": " + std::to_string(cells.size()) + " columns",
                              "view0, view1 and label, which may be empty");
        for (const int view : {0, 1}) {
            const std::string name(base::trim(cells[columns.view[view]]));
            pairs.view[view].push_back({name, std::string(base::trim(cells[columns.label])), folder / name, nullptr});
        }
    }
    if (pairs.view[0].empty()) throw base::Error(base::ErrorKind::usage, "'" + csv + "' names no pair", "columns view0, view1 and label");
    return pairs;
}

std::map<std::string, std::string> digest_images(const std::string& word) {
    if (const auto known = lab::find_data_file(word)) {
        if (!known->present()) lab::read_data_file(*known);  // throws what to do
        return {{word, known->sha256}};
    }
    if (!fs::is_directory(word)) return {{word, base::known_file_xxh3_hex(word)}};
    return {{word, digest_of_list(list_images(word))}};
}

std::map<std::string, std::string> digest_pairs(const std::string& csv) {
    const ImagePairs pairs = list_pairs(csv);
    return {{csv, base::xxh3_hex(digest_of_list(pairs.view[0]) + digest_of_list(pairs.view[1]))}};
}

}  // namespace plumb::families::cotrain
