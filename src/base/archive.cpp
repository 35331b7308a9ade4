// SPDX-License-Identifier: Apache-2.0
#include "base/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>
#include <vector>

#include "base/error.h"

namespace plumb::base {

namespace {

/// Beyond it an entry is taken for a bomb.
constexpr std::size_t most_bytes = std::size_t{1} << 30;

struct FreeArchive {
    void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeArchive>;

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& what) {
    throw Error(ErrorKind::failed, path.string() + ": " + what, "get the archive anew, or unpack it and name the folder");
}

std::string reason(const Reader& reader) {
    const char* text = archive_error_string(reader.get());
    return text != nullptr ? text : "unreadable";
}

std::string content_of(const Reader& reader, const std::filesystem::path& path, const std::string& name) {
    std::string content;
    std::vector<char> piece(std::size_t{1} << 16);
    for (;;) {
        const la_ssize_t got = archive_read_data(reader.get(), piece.data(), piece.size());
        if (got < 0) damaged(path, name + " in the archive: " + reason(reader));
        if (got == 0) return content;
        content.append(piece.data(), static_cast<std::size_t>(got));
        if (content.size() > most_bytes) damaged(path, name + " in the archive has more than 1 GiB");
    }
}

}  // namespace

void each_in_archive(const std::filesystem::path& path, const std::function<void(const std::string& name, std::string content)>& take) {
    if (!std::filesystem::exists(path)) throw Error(ErrorKind::missing, "no file '" + path.string() + "'", "give the path of an archive");
    const Reader reader(archive_read_new());
    archive_read_support_format_all(reader.get());
    archive_read_support_filter_all(reader.get());
    constexpr std::size_t block = std::size_t{1} << 18;
    if (archive_read_open_filename(reader.get(), path.c_str(), block) != ARCHIVE_OK) damaged(path, "no archive: " + reason(reader));
    archive_entry* entry = nullptr;
    for (;;) {
        const int state = archive_read_next_header(reader.get(), &entry);
        if (state == ARCHIVE_EOF) return;
        if (state != ARCHIVE_OK && state != ARCHIVE_WARN) damaged(path, "damaged archive: " + reason(reader));
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        const char* name = archive_entry_pathname(entry);
        if (name == nullptr) damaged(path, "a file in the archive has no name");
        const std::string copied = name;
        take(copied, content_of(reader, path, copied));
    }
}

bool names_archive(const std::filesystem::path& path) {
    constexpr std::array<std::string_view, 6> endings = {".tar", ".zip", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"};
    const std::string name = path.filename().string();
    for (const std::string_view ending : endings) {
        if (name.size() > ending.size() && name.ends_with(ending)) return true;
    }
    return false;
}

}  // namespace plumb::base
