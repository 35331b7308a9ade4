// SPDX-License-Identifier: Apache-2.0
// Tensors in files that other programs read and write: safetensors, NumPy's npy (versions 1 to 3) and npz (npy files in a zip archive,
// stored or deflated). Opening reads names, types and shapes; numbers are read tensor by tensor.
//
// Files are not trusted: whatever their bytes are, the answer is tensors or an Error that names file, tensor, what is wrong and what was
// expected. Every size is held against the size of the file before memory is taken for it (deflate packs at most 1032 to 1).
// safetensors: data that overlap, leave holes, or reach past the file are refused; headers are at most 100 MB, as its own library has it.
// npy: numbers in Fortran order are put into C order; big-endian, complex, structured and object arrays are refused. No npy type is bf16:
// it is refused when written, and arrays of two-byte records, which is what NumPy makes of it, are refused when read.
// npz: a member `NAME.npy` is the tensor NAME, members with other names are none.
//
// To add a format: its file beside safetensors.cpp, its letters in tensor_file.cpp, its line in write_tensors().
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace plumb::base {

class TensorSource;
class FileMapping;

/// A file opened for reading; one thread at a time.
class TensorFile {
  public:
    /// The format is told by the content. Throws missing for a path that cannot be read, unsupported for what a format allows and plumb
    /// does not read, failed for damage and for files of other kinds.
    explicit TensorFile(std::filesystem::path path);
    ~TensorFile();
    TensorFile(TensorFile&&) noexcept;
    TensorFile& operator=(TensorFile&&) noexcept;

    const std::filesystem::path& path() const { return path_; }
    /// In the order of their data in the file. The only tensor of an npy file is called as the file, without extension.
    const std::vector<TensorInfo>& tensors() const;
    /// What a safetensors file says about itself; empty for the others.
    const std::map<std::string, std::string>& metadata() const;
    bool contains(std::string_view name) const;
    /// Throws missing with the nearest name.
    const TensorInfo& at(std::string_view name) const;
    /// Throws missing as at(), failed where the data are damaged.
    Tensor read(std::string_view name) const;
    /// The numbers where they lie in the file, without a copy; they live as long as this object. The file must not shrink meanwhile: the
    /// system then ends the process. Throws unsupported where they do not lie there as they are (npz; Fortran order) or not at a multiple
    /// of the size of a number, which read() does not mind.
    std::span<const std::byte> map(std::string_view name) const;

  private:
    std::size_t index_of(std::string_view name) const;
    std::filesystem::path path_;
    std::unique_ptr<TensorSource> source_;
    mutable std::unique_ptr<FileMapping> mapping_;
};

enum class Packing { stored, deflated };

// Writers. The file appears whole or not at all (base/file.h). The same tensors give the same bytes. All throw usage for two tensors of one
// name, for a name that the format cannot hold and for bytes that are not those of the shape; unsupported for a type that it does not
// have; failed with the system's reason.

/// Data in descending order of their number's size, so that every number lies at a multiple of its size.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});
void write_npz(const std::filesystem::path& path, std::span<const TensorView> tensors, Packing packing = Packing::stored);
void write_npy(const std::filesystem::path& path, const TensorView& tensor);
/// By the extension: .safetensors, .npz (stored) or .npy (one tensor). Throws usage for another one.
void write_tensors(const std::filesystem::path& path, std::span<const TensorView> tensors);

}  // namespace plumb::base
