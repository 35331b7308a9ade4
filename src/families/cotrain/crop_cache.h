// SPDX-License-Identifier: Apache-2.0
// Decode once: the crops of a list of images in one safetensors file, mapped into memory. Its name is the digest of the images' content and
// of the pipeline (kernels/image/pipeline.h), so another content, another setting or another version is another file. The file appears
// whole (base/file.h), so processes that make the same one do not disturb each other; one that is cut short or altered, which digests of
// its content show, is made anew. Where the folder cannot be written, crops stay in memory.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "families/cotrain/image_list.h"
#include "kernels/image/pipeline.h"

namespace plumb::base {
class TensorFile;
}

namespace plumb::families::cotrain {

class Crops {
  public:
    /// From the cache in `folder`, or made by `threads` threads and kept there; an empty `folder`: kept nowhere. Content that cannot be
    /// read as an image is no error here: see problem().
    Crops(const ImageList& images, const kernels::image::Pipeline& pipeline, const std::filesystem::path& folder, std::int64_t threads);
    ~Crops();
    Crops(Crops&&) noexcept;

    std::size_t size() const { return problems_.size(); }
    /// crop x crop x 3 bytes; black where there is a problem.
    std::span<const std::uint8_t> crop(std::size_t index) const { return bytes_.subspan(index * crop_bytes_, crop_bytes_); }
    /// Why the image could not be read, naming it; empty where it could.
    const std::string& problem(std::size_t index) const { return problems_[index]; }
    bool from_cache() const { return from_cache_; }

  private:
    bool open(const std::filesystem::path& file, const std::string& key, const ImageList& images, const kernels::image::Pipeline& pipeline);
    void make(const ImageList& images, const kernels::image::Pipeline& pipeline, std::int64_t threads);
    void keep(const std::filesystem::path& file, const std::string& key, const kernels::image::Pipeline& pipeline) const;

    std::size_t crop_bytes_;
    std::vector<std::string> problems_;
    std::vector<std::uint8_t> made_;
    std::unique_ptr<base::TensorFile> mapped_;
    std::span<const std::uint8_t> bytes_;  ///< of made_ or mapped_
    bool from_cache_ = false;
};

/// PLUMB_CACHE where it is set, even if empty; else the folder .cache/images of the store.
std::filesystem::path cache_folder();

}  // namespace plumb::families::cotrain
