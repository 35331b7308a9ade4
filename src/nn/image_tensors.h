// SPDX-License-Identifier: Apache-2.0
// The tensors of an image classifier with the optimizer's moments, and their files. Weights of convolutions lie channels-last, as oneDNN
// reads them, and their gradients and moments too; files and everything that has a name has them outputs x inputs x height x width. For
// .cpp files of nn alone, which include LibTorch themselves; here its tensor is only named.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/image_layout.h"

namespace at {
class Tensor;
}

namespace plumb::nn {

class ImageTensors {
  public:
    using Metadata = std::map<std::string, std::string>;

    /// Drawn as torchvision initialises, by numbers keyed by (seed, name): convolutions N(0, 2 / (outputs x kernel^2)), "fc"
    /// U(-1/sqrt(inputs), 1/sqrt(inputs)), norms 1 and 0. `moments`: 0 to 2 for every trained number.
    ImageTensors(const ImageLayout& layout, std::int64_t classes, int moments, std::uint64_t seed);
    ~ImageTensors();

    std::size_t size() const { return entries_.size(); }
    const StateEntry& entry(std::size_t i) const;
    const at::Tensor& value(std::size_t i) const;
    /// Undefined where there is none.
    const at::Tensor& first_moment(std::size_t i) const;
    const at::Tensor& second_moment(std::size_t i) const;
    /// Throws usage with the nearest name.
    std::size_t index_of(std::string_view name) const;
    const at::Tensor& operator[](std::string_view name) const { return value(index_of(name)); }
    /// The gradient, each number where its weight lies; undefined where there is none.
    at::Tensor gradient(std::size_t i) const;
    void forget_gradients() const;

    /// Safetensors: every tensor under its name, and "moment1/NAME", "moment2/NAME".
    void save(const std::filesystem::path& file, const Metadata& metadata) const;
    /// Takes over what save() wrote. Throws failed naming the first tensor that is missing or of another shape; nothing is changed then.
    Metadata load(const std::filesystem::path& file);
    /// Takes over weights alone, of fp32, fp16 or bf16, "fc" only if its shape fits, and says what it left out; else as load().
    std::string load_weights(const std::filesystem::path& file);

  private:
    struct Entry;
    struct Part;
    std::vector<Part> parts() const;
    std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace plumb::nn
