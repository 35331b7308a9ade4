// SPDX-License-Identifier: Apache-2.0
#include "families/compression/input.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "lab/data_sets.h"

namespace plumb::families::compression {

namespace fs = std::filesystem;

namespace {

/// Files that a path stands for: itself, or all below it in the order of their names.
std::vector<fs::path> files_of(const std::string& file) {
    std::error_code problem;
    if (!fs::exists(file, problem)) {
        throw base::Error(base::ErrorKind::missing, "no file '" + file + "'",
                          "give the path of a file or folder, or a file of a data set such as silesia/dickens (plumb data list)");
    }
    if (!fs::is_directory(file, problem)) return {file};
    std::vector<fs::path> files;
    fs::recursive_directory_iterator entries(file, problem);
    for (; !problem && entries != fs::recursive_directory_iterator(); entries.increment(problem)) {
        if (entries->is_regular_file(problem)) files.push_back(entries->path());
    }
    if (problem) {
        throw base::Error(base::ErrorKind::missing, "cannot read folder " + file + ": " + problem.message(), "check its permissions");
    }
    std::ranges::sort(files);
    return files;
}

void append(Content& content, const std::string& text) {
    if (text.empty()) return;
    content.files.push_back({content.bytes.size(), text.size()});
    content.bytes.insert(content.bytes.end(), text.begin(), text.end());
}

Content read_content(const std::string& file) {
    Content content;
    if (const auto known = lab::find_data_file(file)) {
        append(content, lab::read_data_file(*known));
    } else {
        for (const fs::path& path : files_of(file)) append(content, base::read_file(path));
    }
    if (content.bytes.empty()) {
        throw base::Error(base::ErrorKind::unsupported, "'" + file + "' holds no byte: there is nothing to compress",
                          "choose another file");
    }
    return content;
}

void repeat(Content& content, std::size_t total) {
    const std::size_t period = content.bytes.size();
    content.bytes.resize(total);
    for (std::size_t at = period; at < total; at += period)
        std::copy_n(content.bytes.begin(), std::min(period, total - at), content.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    content.files = {{0, total}};
}

}  // namespace

std::shared_ptr<const Content> load_content(const std::string& file, std::int64_t repeat_to) {
    static std::mutex guard;
    static std::map<std::pair<std::string, std::int64_t>, std::weak_ptr<const Content>> living;
    const std::lock_guard lock(guard);
    std::weak_ptr<const Content>& place = living[{file, repeat_to}];
    if (auto content = place.lock()) return content;
    auto content = std::make_shared<Content>(read_content(file));
    if (repeat_to > 0) repeat(*content, static_cast<std::size_t>(repeat_to));
    place = content;
    return content;
}

std::map<std::string, std::string> digest_content(const std::string& file) {
    if (const auto known = lab::find_data_file(file)) {
        if (known->present()) return {{file, known->sha256}};  // read_data_file() holds the content to it
        lab::read_data_file(*known);                           // throws what to do
    }
    std::string digests;
    for (const fs::path& path : files_of(file)) digests += base::known_file_xxh3_hex(path);
    return {{file, digests.size() == 32 ? digests : base::xxh3_hex(digests)}};
}

std::vector<Span> cut(const Content& content, std::size_t chunk_bytes) {
    if (chunk_bytes == 0) throw base::Error(base::ErrorKind::usage, "a chunk of 0 bytes", "give chunk at least 1 byte");
    std::vector<Span> chunks;
    for (const Span& file : content.files) {
        for (std::size_t at = 0; at < file.size; at += chunk_bytes)
            chunks.push_back({file.offset + at, std::min(chunk_bytes, file.size - at)});
    }
    return chunks;
}

std::int64_t content_bytes(const std::string& file) {
    if (const auto known = lab::find_data_file(file)) return known->bytes;
    std::int64_t bytes = 0;
    std::error_code ignored;
    for (const fs::path& path : files_of(file)) bytes += static_cast<std::int64_t>(fs::file_size(path, ignored));
    return bytes;
}

}  // namespace plumb::families::compression
