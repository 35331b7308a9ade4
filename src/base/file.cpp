// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/error.h"

namespace plumb::base {

namespace {

class Descriptor {
  public:
    Descriptor(const std::filesystem::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
    throw Error(ErrorKind::failed, "cannot " + what + " " + path.string() + ": " + std::strerror(errno),
                "check free space and permissions of " + path.parent_path().string());
}

void sync_folder(const std::filesystem::path& folder) {
    const Descriptor descriptor(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (descriptor.number() >= 0) ::fsync(descriptor.number());
}

void write_pieces(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
    const Descriptor descriptor(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (descriptor.number() < 0) fail("create", path);
    for (std::string_view piece : pieces) {
        while (!piece.empty()) {
            const ssize_t written = ::write(descriptor.number(), piece.data(), piece.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("write", path);
            piece.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    if (::fsync(descriptor.number()) != 0) fail("flush", path);
}

void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail("rename into", path);
    sync_folder(path.parent_path());
}

std::tm utc_now(int* milliseconds) {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    *milliseconds = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path)) {
        throw Error(ErrorKind::missing, "cannot read " + path.string(), "check that the file exists and is readable");
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string read_unpacked(const std::filesystem::path& path) {
    std::string packed = read_file(path);
    static constexpr std::string_view magic("\x28\xb5\x2f\xfd", 4);
    if (!packed.starts_with(magic)) return packed;
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
    std::string content;
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    std::size_t pending = 0;
    for (bool more = true; more;) {
        const std::size_t filled = content.size();
        content.resize(filled + (std::size_t{1} << 20) + filled / 2);
        ZSTD_outBuffer out{content.data(), content.size(), filled};
        pending = ZSTD_decompressStream(context.get(), &out, &in);
        if (ZSTD_isError(pending)) {
            throw Error(ErrorKind::failed, path.string() + " is damaged: " + ZSTD_getErrorName(pending), "fetch the file anew");
        }
        // A full output may hide bytes that the decoder still holds.
        more = in.pos < in.size || out.pos == out.size;
        content.resize(out.pos);
    }
    if (pending != 0) throw Error(ErrorKind::failed, path.string() + " is damaged: it ends within a frame", "fetch the file anew");
    return content;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
    write_pieces(path, {&content, 1});
}

void replace_file(const std::filesystem::path& path, std::string_view content) {
    replace_file(path, {&content, 1});
}

void replace_file(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
    const std::filesystem::path temporary = temporary_beside(path);
    try {
        write_pieces(temporary, pieces);
        rename_into_place(temporary, path);
    } catch (const Error&) {
        ::unlink(temporary.c_str());
        throw;
    }
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
    static std::atomic<unsigned> counter = 0;
    std::filesystem::path temporary = path;
    temporary += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    return temporary;
}

void move_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
    {
        const Descriptor descriptor(temporary, O_RDONLY);
        if (descriptor.number() < 0 || ::fsync(descriptor.number()) != 0) fail("flush", temporary);
    }
    rename_into_place(temporary, path);
}

std::string utc_timestamp() {
    int milliseconds = 0;
    const std::tm parts = utc_now(&milliseconds);
    char text[32];
    std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &parts);
    char fraction[8];
    std::snprintf(fraction, sizeof fraction, ".%03dZ", milliseconds % 1000);
    return std::string(text) + fraction;
}

std::string utc_iso8601() {
    int milliseconds = 0;
    const std::tm parts = utc_now(&milliseconds);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace plumb::base
