// SPDX-License-Identifier: Apache-2.0
#include "base/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/file.h"
#include "base/npy_literal.h"
#include "base/tensor_file.h"

namespace plumb::base {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t alignment = 64;
// What two bytes of length can say; more than a shape of 64 sizes ever takes.
constexpr std::int64_t longest_header = 65535;

struct NamedType {
    std::string_view letters;  ///< without the byte order
    ElementType type;
};
constexpr std::array<NamedType, 13> names = {{{"b1", ElementType::boolean},
                                              {"?", ElementType::boolean},
                                              {"i1", ElementType::i8},
                                              {"i2", ElementType::i16},
                                              {"i4", ElementType::i32},
                                              {"i8", ElementType::i64},
                                              {"u1", ElementType::u8},
                                              {"u2", ElementType::u16},
                                              {"u4", ElementType::u32},
                                              {"u8", ElementType::u64},
                                              {"f2", ElementType::fp16},
                                              {"f4", ElementType::fp32},
                                              {"f8", ElementType::fp64}}};
constexpr std::string_view allowed = "allowed: little-endian b1, i1 to i8, u1 to u8, f2, f4, f8";

ElementType type_of(std::string_view descr, const Complaint& complaint) {
    const std::string stated = "its numbers are " + in_quotes(descr);
    const char order = descr.empty() ? '\0' : descr.front();
    const bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
    const std::string_view letters = descr.substr(has_order ? 1 : 0);
    if (letters == "O") complaint.unsupported(stated + ", Python objects", "save them as numbers: unpickling a file runs its code");
    if (letters == "V2")
        complaint.unsupported(stated + ", records of two bytes; if they are bf16, npy has no name for it", "use safetensors");
    const auto found = std::ranges::find(names, letters, &NamedType::letters);
    if (found == names.end()) complaint.unsupported(stated, std::string(allowed));
    const bool any_order = size_of(found->type) == 1;
    if (order == '>' && !any_order)
        complaint.unsupported(stated + ", big-endian", "save them with numpy's astype('<" + std::string(letters) + "')");
    if (order != '<' && !any_order) complaint.damaged(stated + ", whose byte order is open; expected '<" + std::string(letters) + "'");
    return found->type;
}

class HeaderBytes {
  public:
    HeaderBytes(const NextBytes& next, const Complaint& complaint) : next_(next), complaint_(complaint) {}
    std::string take(std::int64_t size) {
        std::string bytes(static_cast<std::size_t>(size), '\0');
        const std::size_t got = next_(std::as_writable_bytes(std::span(bytes)));
        taken_ += static_cast<std::int64_t>(got);
        if (got != bytes.size()) complaint_.damaged("ends at byte " + std::to_string(taken_) + ", within its header");
        return bytes;
    }
    std::int64_t taken() const { return taken_; }

  private:
    const NextBytes& next_;
    const Complaint& complaint_;
    std::int64_t taken_ = 0;
};

/// Length of the dictionary.
std::int64_t read_length(HeaderBytes& bytes, const Complaint& complaint) {
    const std::string start = bytes.take(static_cast<std::int64_t>(magic.size()) + 2);
    if (!start.starts_with(magic)) complaint.damaged("begins with " + in_quotes(start.substr(0, magic.size())) + ", expected '\\x93NUMPY'");
    const int major = static_cast<unsigned char>(start[magic.size()]);
    const int minor = static_cast<unsigned char>(start[magic.size() + 1]);
    if (major < 1 || major > 3 || minor != 0) {
        complaint.unsupported("npy version " + std::to_string(major) + "." + std::to_string(minor), "known: 1.0, 2.0, 3.0");
    }
    std::uint32_t length = 0;
    const std::string digits = bytes.take(major == 1 ? 2 : 4);
    std::memcpy(&length, digits.data(), digits.size());
    if (length > longest_header) {
        complaint.damaged("its header claims " + std::to_string(length) + " bytes, at most " + std::to_string(longest_header) +
                          " expected");
    }
    return length;
}

class NpySource final : public TensorSource {
  public:
    explicit NpySource(std::unique_ptr<InputFile> file) : file_(std::move(file)) {
        const Complaint complaint{file_->path(), {}};
        std::int64_t at = 0;
        header_ = read_npy_header(
            [&](std::span<std::byte> out) {
                const std::int64_t got = std::min<std::int64_t>(std::ssize(out), file_->size() - at);
                file_->read(at, out.first(static_cast<std::size_t>(got)));
                at += got;
                return static_cast<std::size_t>(got);
            },
            file_->size(), complaint);
        tensors_.push_back({file_->path().stem().string(), header_.type, header_.shape});
    }
    void read(std::size_t, std::span<std::byte> out) const override {
        if (!header_.fortran_order) return file_->read(header_.bytes, out);
        std::vector<std::byte> stored(out.size());
        file_->read(header_.bytes, stored);
        reorder_from_fortran(stored, out, header_.shape, size_of(header_.type));
    }
    std::optional<std::int64_t> offset(std::size_t) const override {
        return header_.fortran_order ? std::nullopt : std::optional(header_.bytes);
    }
    const InputFile& file() const override { return *file_; }

  private:
    std::unique_ptr<InputFile> file_;
    NpyHeader header_;
};

}  // namespace

NpyHeader read_npy_header(const NextBytes& next, std::int64_t size, const Complaint& complaint) {
    HeaderBytes bytes(next, complaint);
    const std::int64_t length = read_length(bytes, complaint);
    const NpyDictionary dictionary = parse_npy_dictionary(bytes.take(length), complaint);
    NpyHeader header;
    header.type = type_of(dictionary.descr, complaint);
    header.shape = dictionary.shape;
    header.bytes = bytes.taken();
    const std::optional<std::int64_t> expected = bytes_of(header.type, header.shape);
    const std::string text = std::string(name(header.type)) + " " + shape_text(header.shape);
    if (!expected) complaint.damaged(text + " takes more bytes than 63 bits can count");
    if (*expected != size - header.bytes) {
        complaint.damaged(text + " takes " + std::to_string(*expected) + " bytes, but " + std::to_string(size - header.bytes) +
                          " follow the header");
    }
    const auto longer_than_one = std::ranges::count_if(header.shape, [](std::int64_t axis) { return axis > 1; });
    header.fortran_order = dictionary.fortran_order && longer_than_one > 1;
    return header;
}

std::string make_npy_header(const TensorInfo& info, const Complaint& complaint) {
    const auto found = std::ranges::find(names, info.type, &NamedType::type);
    if (found == names.end()) complaint.unsupported("npy has no " + std::string(name(info.type)), "write safetensors, or convert to fp32");
    std::string shape;
    for (const std::int64_t axis : info.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(axis);
    if (info.shape.size() == 1) shape += ",";
    std::string text = "{'descr': '" + std::string(size_of(info.type) == 1 ? "|" : "<") + std::string(found->letters) +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
    constexpr std::size_t before = magic.size() + 4;
    const std::size_t whole = (before + text.size() + 1 + alignment - 1) / alignment * alignment;
    text.resize(whole - before - 1, ' ');
    text += '\n';
    const char length[2] = {static_cast<char>(text.size() & 0xFFU), static_cast<char>(text.size() >> 8)};
    return std::string(magic) + std::string("\x01\x00", 2) + std::string(length, 2) + text;
}

void reorder_from_fortran(std::span<const std::byte> in, std::span<std::byte> out, std::span<const std::int64_t> shape,
                          std::int64_t element) {
    if (out.empty()) return;
    // Distance of neighbours along each axis in `in`, in bytes.
    std::vector<std::int64_t> stride(shape.size());
    for (std::int64_t next = element, axis = 0; axis < std::ssize(shape); ++axis) {
        stride[static_cast<std::size_t>(axis)] = next;
        next *= shape[static_cast<std::size_t>(axis)];
    }
    std::vector<std::int64_t> index(shape.size());
    std::int64_t from = 0;
    for (std::size_t to = 0;;) {
        std::memcpy(out.data() + to, in.data() + from, static_cast<std::size_t>(element));
        to += static_cast<std::size_t>(element);
        if (to == out.size()) return;
        std::size_t axis = shape.size() - 1;
        while (++index[axis] == shape[axis]) {
            from -= (shape[axis] - 1) * stride[axis];
            index[axis--] = 0;
        }
        from += stride[axis];
    }
}

std::unique_ptr<TensorSource> open_npy(std::unique_ptr<InputFile> file) {
    return std::make_unique<NpySource>(std::move(file));
}

void write_npy(const std::filesystem::path& path, const TensorView& tensor) {
    require_writable(path, {&tensor, 1});
    const std::string header = make_npy_header(tensor.info, {path, {}});
    const std::string_view pieces[] = {header, {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()}};
    replace_file(path, pieces);
}

}  // namespace plumb::base
