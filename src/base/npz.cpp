// SPDX-License-Identifier: Apache-2.0
// npz: a zip archive whose members NAME.npy are npy files. libzip reads and writes the container and checks the CRC of what it unpacks.
#include <zip.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <set>

#include "base/file.h"
#include "base/npy.h"
#include "base/tensor_file.h"

namespace plumb::base {

namespace {

constexpr std::string_view suffix = ".npy";
// Deflate: at most 258 bytes from two bits, RFC 1951. A claim beyond it is no reason to take memory.
constexpr std::uint64_t densest_packing = 1032;

struct DiscardArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;

struct CloseMember {
    void operator()(zip_file_t* member) const { zip_fclose(member); }
};

/// To be asked for at once: libzip adds the system's reason.
std::string message_of(int code) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
}

/// One member, unpacked from its beginning on.
class Member {
  public:
    Member(zip_t* archive, std::uint64_t index, const Complaint& complaint)
        : file_(zip_fopen_index(archive, index, 0)), complaint_(complaint) {
        if (!file_) complaint.damaged(std::string("cannot be opened in the archive: ") + zip_strerror(archive));
    }
    /// As many bytes as there are, at most those of `out`.
    std::size_t next(std::span<std::byte> out) {
        std::size_t filled = 0;
        while (filled < out.size()) {
            const zip_int64_t got = zip_fread(file_.get(), out.data() + filled, out.size() - filled);
            if (got < 0) complaint_.damaged(std::string("cannot be unpacked: ") + zip_file_strerror(file_.get()));
            if (got == 0) break;
            filled += static_cast<std::size_t>(got);
        }
        return filled;
    }

  private:
    std::unique_ptr<zip_file_t, CloseMember> file_;
    const Complaint& complaint_;
};

class NpzSource final : public TensorSource {
  public:
    explicit NpzSource(std::unique_ptr<InputFile> file) : file_(std::move(file)) {
        int code = 0;
        archive_.reset(zip_open(file_->path().c_str(), ZIP_RDONLY, &code));
        if (!archive_) Complaint{file_->path(), {}}.damaged("no zip archive that can be read: " + message_of(code));
        const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
        for (zip_int64_t index = 0; index < count; ++index) add(static_cast<std::uint64_t>(index));
    }

    void read(std::size_t index, std::span<std::byte> out) const override {
        const Entry& entry = entries_[index];
        const Complaint complaint{file_->path(), tensors_[index].name};
        Member member(archive_.get(), entry.index, complaint);
        std::vector<std::byte> header(static_cast<std::size_t>(entry.header.bytes));
        std::vector<std::byte> reordered(entry.header.fortran_order ? out.size() : 0);
        const std::span<std::byte> target = entry.header.fortran_order ? std::span(reordered) : out;
        const std::size_t got = member.next(header) + member.next(target);
        if (got != header.size() + target.size())
            complaint.damaged("ends " + std::to_string(header.size() + target.size() - got) + " bytes early");
        // Behind the last byte the CRC is compared.
        std::byte more{};
        if (member.next({&more, 1}) != 0) complaint.damaged("goes on behind its numbers");
        if (entry.header.fortran_order) reorder_from_fortran(reordered, out, entry.header.shape, size_of(entry.header.type));
    }
    std::optional<std::int64_t> offset(std::size_t) const override { return std::nullopt; }
    const InputFile& file() const override { return *file_; }

  private:
    struct Entry {
        std::uint64_t index = 0;
        NpyHeader header;
    };

    void add(std::uint64_t index) {
        zip_stat_t facts;
        if (zip_stat_index(archive_.get(), index, 0, &facts) != 0 || (facts.valid & ZIP_STAT_NAME) == 0)
            Complaint{file_->path(), {}}.damaged("member " + std::to_string(index) + " of the archive has no name that can be read");
        const std::string_view member = facts.name;
        if (!member.ends_with(suffix)) return;
        const std::string name(member.substr(0, member.size() - suffix.size()));
        const Complaint complaint{file_->path(), name};
        if (!names_.insert(name).second) complaint.damaged("the archive has two members of this name");
        const std::int64_t size = require_plausible(facts, complaint);
        Member opened(archive_.get(), index, complaint);
        Entry entry{index, read_npy_header([&](std::span<std::byte> out) { return opened.next(out); }, size, complaint)};
        tensors_.push_back({name, entry.header.type, entry.header.shape});
        entries_.push_back(std::move(entry));
    }

    /// Bytes of the unpacked member, as the archive claims.
    std::int64_t require_plausible(const zip_stat_t& facts, const Complaint& complaint) const {
        constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
        if ((facts.valid & needed) != needed) complaint.damaged("the archive does not say its size and packing");
        if (facts.encryption_method != ZIP_EM_NONE) complaint.unsupported("it is encrypted", "save it without a password");
        const bool stored = facts.comp_method == ZIP_CM_STORE;
        if (!stored && facts.comp_method != ZIP_CM_DEFLATE) {
            complaint.unsupported("it is packed by zip's method " + std::to_string(facts.comp_method), "allowed: stored (0), deflated (8)");
        }
        const auto available = static_cast<std::uint64_t>(file_->size());
        if (facts.comp_size > available) {
            complaint.damaged("the archive claims " + std::to_string(facts.comp_size) + " packed bytes, the whole file has " +
                              std::to_string(available));
        }
        const std::uint64_t most = facts.comp_size * (stored ? 1 : densest_packing);
        if (facts.size > most || facts.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            complaint.damaged("the archive claims " + std::to_string(facts.size) + " bytes, but " + std::to_string(facts.comp_size) +
                              " packed ones hold at most " + std::to_string(most));
        }
        return static_cast<std::int64_t>(facts.size);
    }

    std::unique_ptr<InputFile> file_;
    Archive archive_;
    std::vector<Entry> entries_;
    std::set<std::string> names_;
};

/// Adds one member; header and numbers must live until the archive is closed.
void add_member(zip_t* archive, const std::filesystem::path& path, const TensorView& tensor, const std::string& header, Packing packing) {
    const Complaint complaint{path, tensor.info.name};
    if (tensor.info.name.find('\0') != std::string::npos)
        complaint.raise(ErrorKind::usage, "a zip member's name has no zero byte", "rename it");
    const zip_buffer_fragment_t fragments[] = {
        {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(header.data())), header.size()},
        {reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(tensor.bytes.data())), tensor.bytes.size()}};
    zip_source_t* source = zip_source_buffer_fragment(archive, fragments, tensor.bytes.empty() ? 1 : 2, 0);
    const std::string member = tensor.info.name + std::string(suffix);
    const zip_int64_t index = source ? zip_file_add(archive, member.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        if (source) zip_source_free(source);
        complaint.raise(ErrorKind::usage, std::string("cannot become a member of the archive: ") + zip_strerror(archive),
                        "names of npz members are UTF-8");
    }
    const auto place = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive, place, packing == Packing::stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE, 0);
    // The first day that zip knows, so that the same tensors give the same bytes.
    constexpr zip_uint16_t first_day = (1 << 5) | 1;
    zip_file_set_dostime(archive, place, 0, first_day, 0);
}

[[noreturn]] void cannot_write(const std::filesystem::path& path, const std::string& reason) {
    throw Error(ErrorKind::failed, "cannot write " + path.string() + ": " + reason,
                "check free space and permissions of " + path.parent_path().string());
}

void fill_archive(const std::filesystem::path& temporary, const std::filesystem::path& path, std::span<const TensorView> tensors,
                  Packing packing) {
    int code = 0;
    Archive archive(zip_open(temporary.c_str(), ZIP_CREATE | ZIP_EXCL, &code));
    if (!archive) cannot_write(path, message_of(code));
    std::vector<std::string> headers;
    headers.reserve(tensors.size());
    for (const TensorView& tensor : tensors) {
        headers.push_back(make_npy_header(tensor.info, {path, tensor.info.name}));
        add_member(archive.get(), path, tensor, headers.back(), packing);
    }
    if (zip_close(archive.get()) != 0) cannot_write(path, zip_strerror(archive.get()));
    static_cast<void>(archive.release());
}

}  // namespace

std::unique_ptr<TensorSource> open_npz(std::unique_ptr<InputFile> file) {
    return std::make_unique<NpzSource>(std::move(file));
}

void write_npz(const std::filesystem::path& path, std::span<const TensorView> tensors, Packing packing) {
    require_writable(path, tensors);
    // libzip makes no archive of no members.
    if (tensors.empty()) return replace_file(path, std::string("PK\x05\x06") + std::string(18, '\0'));
    const std::filesystem::path temporary = temporary_beside(path);
    try {
        fill_archive(temporary, path, tensors, packing);
        move_into_place(temporary, path);
    } catch (const Error&) {
        std::remove(temporary.c_str());
        throw;
    }
}

}  // namespace plumb::base
