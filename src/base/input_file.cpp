// SPDX-License-Identifier: Apache-2.0
// Reading of a file at any place, by call and by mapping.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/tensor_source.h"

namespace plumb::base {

InputFile::InputFile(std::filesystem::path path)
    // A pipe would make open() wait for its writer.
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat facts {};
    const bool known = descriptor_ >= 0 && ::fstat(descriptor_, &facts) == 0;
    const std::string reason = known ? "it is no regular file" : std::strerror(errno);
    if (known && S_ISREG(facts.st_mode)) {
        size_ = facts.st_size;
        return;
    }
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Error(ErrorKind::missing, "cannot read " + path_.string() + ": " + reason, "check that the file exists and is readable");
}

InputFile::~InputFile() {
    ::close(descriptor_);
}

void InputFile::read(std::int64_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
        const ssize_t got = ::pread(descriptor_, out.data(), out.size(), offset);
        if (got < 0 && errno == EINTR) continue;
        const Complaint complaint{path_, {}};
        if (got < 0) complaint.damaged(std::string("cannot be read: ") + std::strerror(errno));
        if (got == 0) complaint.damaged("it ended at byte " + std::to_string(offset) + " while being read");
        out = out.subspan(static_cast<std::size_t>(got));
        offset += got;
    }
}

std::string InputFile::read_text(std::int64_t offset, std::int64_t size) const {
    std::string text(static_cast<std::size_t>(size), '\0');
    read(offset, std::as_writable_bytes(std::span(text)));
    return text;
}

FileMapping::FileMapping(const InputFile& file) : size_(static_cast<std::size_t>(file.size())) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED) Complaint{file.path(), {}}.damaged(std::string("cannot be mapped: ") + std::strerror(errno));
    data_ = static_cast<const std::byte*>(address);
}

FileMapping::~FileMapping() {
    ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace plumb::base
