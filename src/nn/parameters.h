// SPDX-License-Identifier: Apache-2.0
// Named fp32 tensors of a model, in the order in which they were added. Drawn values are keyed by (seed, name) and index, so they depend on
// neither the order nor the number of threads. For .cpp files of nn alone, which include LibTorch themselves; here its tensor is only
// named.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace plumb::nn {

class Parameters {
  public:
    explicit Parameters(std::uint64_t seed);
    ~Parameters();

    using Shape = std::initializer_list<std::int64_t>;
    /// Each `add` gives the tensor, which lives as long as this object; a trained one collects gradients.
    const at::Tensor& add_uniform(std::string name, Shape shape, double bound);
    const at::Tensor& add_normal(std::string name, Shape shape, double deviation, bool trained);
    const at::Tensor& add_constant(std::string name, Shape shape, float value);
    /// Throws usage where the number of values is not that of the shape.
    const at::Tensor& add_given(std::string name, Shape shape, std::span<const float> values, bool trained);
    /// The weights and biases of a Linear as PyTorch bounds them: 1 / sqrt(inputs). Names get ".weight" and ".bias".
    void add_linear(const std::string& name, std::int64_t inputs, std::int64_t outputs);

    std::size_t size() const { return entries_.size(); }
    const std::string& name(std::size_t i) const;
    const at::Tensor& tensor(std::size_t i) const;
    bool trained(std::size_t i) const;
    /// Throws usage with the nearest name.
    std::size_t index_of(std::string_view name) const;
    const at::Tensor& operator[](std::string_view name) const { return tensor(index_of(name)); }
    /// Of all tensors, or of those that are trained.
    std::int64_t count(bool only_trained) const;
    /// The numbers where they lie.
    std::span<float> values(std::size_t i) const;
    /// Gradients collected so far; empty where there are none.
    std::span<const float> gradients(std::size_t i) const;
    void forget_gradients() const;

  private:
    struct Entry;
    const at::Tensor& add(std::string name, Shape shape, bool trained);
    std::uint64_t seed_;
    std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace plumb::nn
