// SPDX-License-Identifier: Apache-2.0
#include "base/tensor_file.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/tensor_source.h"
#include "base/text.h"

namespace plumb::base {

namespace {

std::unique_ptr<TensorSource> open_source(const std::filesystem::path& path) {
    auto file = std::make_unique<InputFile>(path);
    const std::string start = file->read_text(0, std::min<std::int64_t>(file->size(), 9));
    if (start.starts_with("\x93NUMPY")) return open_npy(std::move(file));
    // Eight bytes of length come before the brace; no zip archive has one there.
    if (start.size() == 9 && start[8] == '{') return open_safetensors(std::move(file));
    if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) return open_npz(std::move(file));
    Complaint{path, {}}.raise(
        ErrorKind::failed,
        "neither safetensors nor npz nor npy; its " + std::to_string(file->size()) + " bytes begin with " + in_quotes(start),
        "expected a header length and '{', or 'PK', or '\\x93NUMPY'");
}

}  // namespace

TensorFile::TensorFile(std::filesystem::path path) : path_(std::move(path)), source_(open_source(path_)) {}
TensorFile::~TensorFile() = default;
TensorFile::TensorFile(TensorFile&&) noexcept = default;
TensorFile& TensorFile::operator=(TensorFile&&) noexcept = default;

const std::vector<TensorInfo>& TensorFile::tensors() const {
    return source_->tensors();
}

const std::map<std::string, std::string>& TensorFile::metadata() const {
    return source_->metadata();
}

bool TensorFile::contains(std::string_view name) const {
    return std::ranges::find(tensors(), name, &TensorInfo::name) != tensors().end();
}

std::size_t TensorFile::index_of(std::string_view name) const {
    const auto found = std::ranges::find(tensors(), name, &TensorInfo::name);
    if (found != tensors().end()) return static_cast<std::size_t>(found - tensors().begin());
    constexpr std::size_t most_named = 20;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(most_named, tensors().size()); ++i) names.push_back(in_quotes(tensors()[i].name));
    const std::string more = tensors().size() > most_named ? " and " + std::to_string(tensors().size() - most_named) + " more" : "";
    throw Error(ErrorKind::missing, path_.string() + " has no tensor " + in_quotes(name),
                names.empty() ? "it holds none" : "it holds " + join(names, ", ") + more);
}

const TensorInfo& TensorFile::at(std::string_view name) const {
    return tensors()[index_of(name)];
}

Tensor TensorFile::read(std::string_view name) const {
    const std::size_t index = index_of(name);
    Tensor tensor(tensors()[index]);
    source_->read(index, tensor.bytes());
    return tensor;
}

std::span<const std::byte> TensorFile::map(std::string_view name) const {
    const std::size_t index = index_of(name);
    const TensorInfo& info = tensors()[index];
    if (info.bytes() == 0) return {};
    const Complaint complaint{path_, info.name};
    const std::optional<std::int64_t> offset = source_->offset(index);
    if (!offset) complaint.unsupported("packed or in Fortran order, so its numbers cannot be used where they lie", "read() copies them");
    if (*offset % size_of(info.type) != 0) {
        complaint.unsupported("begins at byte " + std::to_string(*offset) + ", not at a multiple of " + std::to_string(size_of(info.type)) +
                                  " as " + std::string(base::name(info.type)) + " needs",
                              "read() copies it");
    }
    if (!mapping_) mapping_ = std::make_unique<FileMapping>(source_->file());
    return mapping_->bytes().subspan(static_cast<std::size_t>(*offset), static_cast<std::size_t>(info.bytes()));
}

void require_writable(const std::filesystem::path& path, std::span<const TensorView> tensors) {
    std::set<std::string_view> names;
    for (const TensorView& tensor : tensors) {
        const Complaint complaint{path, tensor.info.name};
        if (!names.insert(tensor.info.name).second) complaint.raise(ErrorKind::usage, "two tensors of this name", "names differ");
        const std::optional<std::int64_t> expected = bytes_of(tensor.info.type, tensor.info.shape);
        if (!expected || static_cast<std::size_t>(*expected) != tensor.bytes.size()) {
            complaint.raise(ErrorKind::usage, std::to_string(tensor.bytes.size()) + " bytes for " + tensor.info.text(),
                            "expected " + (expected ? std::to_string(*expected) + " bytes" : "sizes from 0 on, whose product fits"));
        }
    }
}

void write_tensors(const std::filesystem::path& path, std::span<const TensorView> tensors) {
    const std::string extension = path.extension().string();
    if (extension == ".safetensors") return write_safetensors(path, tensors);
    if (extension == ".npz") return write_npz(path, tensors);
    if (extension == ".npy" && tensors.size() == 1) return write_npy(path, tensors.front());
    throw Error(ErrorKind::usage, "cannot write " + std::to_string(tensors.size()) + " tensors to " + path.string(),
                "allowed: .safetensors, .npz, and .npy for one tensor");
}

}  // namespace plumb::base
