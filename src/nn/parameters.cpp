// SPDX-License-Identifier: Apache-2.0
#include "nn/parameters.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/tensor.h"
#include "base/text.h"

namespace plumb::nn {

struct Parameters::Entry {
    std::string name;
    at::Tensor tensor;
    bool trained;
};

namespace {

constexpr std::int64_t drawn_at_once = 1 << 14;

std::span<float> numbers_of(const at::Tensor& tensor) {
    return {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

/// Calls fill(part, index of its first number) for all parts, on LibTorch's threads.
template <class Fill>
void fill_parts(std::span<float> numbers, const Fill& fill) {
    at::parallel_for(0, std::ssize(numbers), drawn_at_once, [&](std::int64_t begin, std::int64_t end) {
        fill(numbers.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), static_cast<std::uint64_t>(begin));
    });
}

}  // namespace

Parameters::Parameters(std::uint64_t seed) : seed_(seed) {}
Parameters::~Parameters() = default;

const at::Tensor& Parameters::add(std::string name, Shape shape, bool trained) {
    const at::Tensor tensor = at::empty(at::IntArrayRef(shape.begin(), shape.size()), at::kFloat);
    entries_.push_back(std::make_unique<Entry>(Entry{std::move(name), tensor, trained}));
    return entries_.back()->tensor.set_requires_grad(trained);
}

const at::Tensor& Parameters::add_uniform(std::string name, Shape shape, double bound) {
    const base::RandomStream random(seed_, "initial " + name);
    const at::Tensor& tensor = add(std::move(name), shape, true);
    fill_parts(numbers_of(tensor), [&](std::span<float> part, std::uint64_t first) {
        random.fill_uniform(part, static_cast<float>(-bound), static_cast<float>(bound), first);
    });
    return tensor;
}

const at::Tensor& Parameters::add_normal(std::string name, Shape shape, double deviation, bool trained) {
    const base::RandomStream random(seed_, "initial " + name);
    const at::Tensor& tensor = add(std::move(name), shape, trained);
    fill_parts(numbers_of(tensor),
               [&](std::span<float> part, std::uint64_t first) { random.fill_normal(part, 0, static_cast<float>(deviation), first); });
    return tensor;
}

const at::Tensor& Parameters::add_constant(std::string name, Shape shape, float value) {
    const at::Tensor& tensor = add(std::move(name), shape, true);
    std::ranges::fill(numbers_of(tensor), value);
    return tensor;
}

const at::Tensor& Parameters::add_given(std::string name, Shape shape, std::span<const float> values, bool trained) {
    const std::string text = name + " of shape " + base::shape_text(std::span(shape.begin(), shape.size()));
    const at::Tensor& tensor = add(std::move(name), shape, trained);
    if (std::ssize(values) != tensor.numel()) {
        throw base::Error(base::ErrorKind::usage, std::to_string(values.size()) + " values were given for " + text,
                          "give as many as the shape has, or none");
    }
    std::ranges::copy(values, numbers_of(tensor).begin());
    return tensor;
}

void Parameters::add_linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    add_uniform(name + ".weight", {outputs, inputs}, bound);
    add_uniform(name + ".bias", {outputs}, bound);
}

const std::string& Parameters::name(std::size_t i) const {
    return entries_[i]->name;
}

const at::Tensor& Parameters::tensor(std::size_t i) const {
    return entries_[i]->tensor;
}

bool Parameters::trained(std::size_t i) const {
    return entries_[i]->trained;
}

std::size_t Parameters::index_of(std::string_view name) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < size(); ++i) {
        if (entries_[i]->name == name) return i;
        names.push_back(entries_[i]->name);
    }
    throw base::Error(base::ErrorKind::usage, "the model has no parameter '" + std::string(name) + "'", base::suggest(name, names));
}

std::int64_t Parameters::count(bool only_trained) const {
    std::int64_t sum = 0;
    for (const auto& entry : entries_) sum += entry->trained || !only_trained ? entry->tensor.numel() : 0;
    return sum;
}

std::span<float> Parameters::values(std::size_t i) const {
    return numbers_of(entries_[i]->tensor);
}

std::span<const float> Parameters::gradients(std::size_t i) const {
    const at::Tensor& gradient = entries_[i]->tensor.grad();
    if (!gradient.defined()) return {};
    if (!gradient.is_contiguous()) entries_[i]->tensor.mutable_grad() = gradient.contiguous();
    return numbers_of(entries_[i]->tensor.grad());
}

void Parameters::forget_gradients() const {
    for (const auto& entry : entries_) entry->tensor.mutable_grad() = at::Tensor();
}

}  // namespace plumb::nn
