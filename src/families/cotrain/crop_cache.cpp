// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/crop_cache.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/tensor_file.h"
#include "base/text.h"
#include "lab/store.h"

namespace plumb::families::cotrain {

namespace fs = std::filesystem;
using kernels::image::Cropper;
using kernels::image::Pipeline;

namespace {

constexpr const char* tensor_name = "crops";

std::string_view text_of(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Of one image; the message where it cannot be read. Files that are gone are errors of the run, not of an image.
std::string crop_one(const ImageFile& image, Cropper& cropper, std::span<std::uint8_t> out) {
    const std::string content = image.read();
    try {
        cropper.crop({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}, image.name, out);
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::failed && error.kind() != base::ErrorKind::unsupported) throw;
        std::ranges::fill(out, std::uint8_t{0});
        return error.what();
    }
    return {};
}

std::string key_of(const ImageList& images, const Pipeline& pipeline) {
    std::string all = pipeline.identity();
    for (const ImageFile& image : images)
        all += "\n" + (image.content ? base::xxh3_hex(*image.content) : base::known_file_xxh3_hex(image.path));
    return base::xxh3_hex(all);
}

}  // namespace

fs::path cache_folder() {
    if (const char* given = std::getenv("PLUMB_CACHE")) return given;
    return lab::Store::default_root() / ".cache" / "images";
}

Crops::Crops(const ImageList& images, const Pipeline& pipeline, const fs::path& folder, std::int64_t threads)
    : crop_bytes_(pipeline.crop_bytes()), problems_(images.size()) {
    if (folder.empty()) {
        make(images, pipeline, threads);
        return;
    }
    const std::string key = key_of(images, pipeline);
    const fs::path file = folder / (key + ".safetensors");
    if (open(file, key, images, pipeline)) return;
    make(images, pipeline, threads);
    keep(file, key, pipeline);
}

Crops::~Crops() = default;
Crops::Crops(Crops&&) noexcept = default;

bool Crops::open(const fs::path& file, const std::string& key, const ImageList& images, const Pipeline& pipeline) {
    try {
        if (!fs::exists(file)) return false;
        auto mapped = std::make_unique<base::TensorFile>(file);
        const auto& metadata = mapped->metadata();
        const std::span<const std::byte> raw = mapped->map(tensor_name);
        const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size());
        if (bytes.size() != images.size() * crop_bytes_ || metadata.at("key") != key) return false;
        if (metadata.at("xxh3") != base::xxh3_hex(text_of(bytes))) return false;
        // What could not be read then is tried again: its message names the file as it is called now.
        Cropper cropper(pipeline);
        std::vector<std::uint8_t> crop(crop_bytes_);
        for (const std::string& index : base::split(metadata.at("unreadable"), ' ')) {
            if (index.empty()) continue;
            const std::size_t at = std::stoul(index);
            problems_.at(at) = crop_one(images.at(at), cropper, crop);
            if (problems_[at].empty()) return false;
        }
        mapped_ = std::move(mapped);
        bytes_ = bytes;
        from_cache_ = true;
        return true;
    } catch (const std::exception&) {
        // Not what this wrote, whatever is wrong with it.
        std::ranges::fill(problems_, std::string());
        return false;
    }
}

void Crops::make(const ImageList& images, const Pipeline& pipeline, std::int64_t threads) {
    made_.resize(images.size() * crop_bytes_);
    bytes_ = made_;
    std::atomic<std::size_t> next = 0;
    std::mutex guard;
    std::exception_ptr problem;
    const auto work = [&] {
        try {
            Cropper cropper(pipeline);
            for (std::size_t i = next++; i < images.size(); i = next++)
                problems_[i] = crop_one(images[i], cropper, std::span(made_).subspan(i * crop_bytes_, crop_bytes_));
        } catch (...) {
            const std::lock_guard lock(guard);
            problem = std::current_exception();
            next = images.size();
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (std::int64_t helper = 1; helper < threads; ++helper) helpers.emplace_back(work);
        work();
    }
    if (problem) std::rethrow_exception(problem);
}

void Crops::keep(const fs::path& file, const std::string& key, const Pipeline& pipeline) const {
    base::TensorView crops;
    crops.info.name = tensor_name;
    crops.info.type = base::ElementType::u8;
    crops.info.shape = {static_cast<std::int64_t>(size()), pipeline.crop, pipeline.crop, 3};
    crops.bytes = std::as_bytes(bytes_);
    std::string unreadable;
    for (std::size_t i = 0; i < size(); ++i) {
        if (!problems_[i].empty()) unreadable += std::to_string(i) + " ";
    }
    try {
        fs::create_directories(file.parent_path());
        base::write_safetensors(
            file, std::span(&crops, 1),
            {{"key", key}, {"pipeline", pipeline.identity()}, {"xxh3", base::xxh3_hex(text_of(bytes_))}, {"unreadable", unreadable}});
    } catch (const std::exception&) {
        // A cache that cannot be kept costs time and nothing else.
    }
}

}  // namespace plumb::families::cotrain
