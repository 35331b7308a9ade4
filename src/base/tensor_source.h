// SPDX-License-Identifier: Apache-2.0
// Behind tensor_file.h: an opened file of one format, and what its readers share.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

namespace plumb::base {

/// A regular file, read at any place.
class InputFile {
  public:
    /// Throws missing.
    explicit InputFile(std::filesystem::path path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::int64_t size() const { return size_; }
    int descriptor() const { return descriptor_; }
    /// Fills `out` from `offset` on. Throws failed where the file ends before.
    void read(std::int64_t offset, std::span<std::byte> out) const;
    std::string read_text(std::int64_t offset, std::int64_t size) const;

  private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    std::int64_t size_ = 0;
};

/// The whole of a file in memory, read-only.
class FileMapping {
  public:
    explicit FileMapping(const InputFile& file);
    ~FileMapping();
    FileMapping(const FileMapping&) = delete;
    FileMapping& operator=(const FileMapping&) = delete;
    std::span<const std::byte> bytes() const { return {data_, size_}; }

  private:
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

class TensorSource {
  public:
    virtual ~TensorSource() = default;
    /// Fills `out`, as long as tensors()[index].bytes().
    virtual void read(std::size_t index, std::span<std::byte> out) const = 0;
    /// Where the numbers lie in the file as they are; nothing where they do not.
    virtual std::optional<std::int64_t> offset(std::size_t index) const = 0;
    virtual const InputFile& file() const = 0;

    const std::vector<TensorInfo>& tensors() const { return tensors_; }
    const std::map<std::string, std::string>& metadata() const { return metadata_; }

  protected:
    std::vector<TensorInfo> tensors_;
    std::map<std::string, std::string> metadata_;
};

std::unique_ptr<TensorSource> open_safetensors(std::unique_ptr<InputFile> file);
std::unique_ptr<TensorSource> open_npy(std::unique_ptr<InputFile> file);
std::unique_ptr<TensorSource> open_npz(std::unique_ptr<InputFile> file);

/// Says what is wrong with a file: "q.npz: tensor 'q': ...".
struct Complaint {
    std::filesystem::path path;
    std::optional<std::string> tensor;

    /// The content contradicts itself or its format.
    [[noreturn]] void damaged(const std::string& what) const { raise(ErrorKind::failed, what, "write the file anew"); }
    /// The content is allowed by the format, but not here.
    [[noreturn]] void unsupported(const std::string& what, const std::string& hint) const { raise(ErrorKind::unsupported, what, hint); }
    [[noreturn]] void raise(ErrorKind kind, const std::string& what, const std::string& hint) const {
        throw Error(kind, path.string() + (tensor ? ": tensor " + in_quotes(*tensor) : "") + ": " + what, hint);
    }
};

/// What every writer checks: no name twice, as many bytes as the shape takes.
void require_writable(const std::filesystem::path& path, std::span<const TensorView> tensors);

}  // namespace plumb::base
