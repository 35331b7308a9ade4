// SPDX-License-Identifier: Apache-2.0
#include "nn/image_tensors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "base/tensor_file.h"
#include "base/text.h"

namespace plumb::nn {

struct ImageTensors::Entry {
    StateEntry state;
    at::Tensor value, first, second;
};

/// A tensor that a file has.
struct ImageTensors::Part {
    std::string name;
    const StateEntry* state;
    at::Tensor tensor;
};

namespace {

constexpr std::int64_t drawn_at_once = 1 << 14;

base::ElementType type_of(const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kLong ? base::ElementType::i64 : base::ElementType::fp32;
}

std::span<const std::byte> bytes_of(const at::Tensor& contiguous) {
    return {static_cast<const std::byte*>(contiguous.const_data_ptr()), static_cast<std::size_t>(contiguous.nbytes())};
}

/// Calls draw(random, numbers, index of the first) for all parts of a new tensor, on LibTorch's threads.
template <class Draw>
at::Tensor drawn(const StateEntry& entry, std::uint64_t seed, const Draw& draw) {
    const base::RandomStream random(seed, "initial " + entry.name);
    const at::Tensor tensor = at::empty(entry.shape, at::kFloat);
    auto* const numbers = tensor.mutable_data_ptr<float>();
    at::parallel_for(0, tensor.numel(), drawn_at_once, [&](std::int64_t begin, std::int64_t end) {
        draw(random, std::span(numbers + begin, static_cast<std::size_t>(end - begin)), static_cast<std::uint64_t>(begin));
    });
    return tensor;
}

at::Tensor initial(const StateEntry& entry, std::int64_t features, std::uint64_t seed) {
    switch (entry.role) {
        case Role::convolution: {
            const double fan_out = static_cast<double>(entry.shape[0] * entry.shape[2] * entry.shape[3]);
            const auto deviation = static_cast<float>(std::sqrt(2 / fan_out));
            const auto draw = [=](const auto& random, std::span<float> out, std::uint64_t i) { random.fill_normal(out, 0, deviation, i); };
            return drawn(entry, seed, draw).contiguous(at::MemoryFormat::ChannelsLast);
        }
        case Role::linear_weight:
        case Role::linear_bias: {
            const auto bound = static_cast<float>(1 / std::sqrt(static_cast<double>(features)));
            return drawn(entry, seed,
                         [=](const auto& random, std::span<float> out, std::uint64_t i) { random.fill_uniform(out, -bound, bound, i); });
        }
        case Role::scale:
        case Role::variance:
            return at::ones(entry.shape, at::kFloat);
        case Role::batches:
            return at::zeros({}, at::kLong);
        case Role::shift:
        case Role::mean:
            break;
    }
    return at::zeros(entry.shape, at::kFloat);
}

[[noreturn]] void refuse(const base::TensorFile& file, const std::string& what) {
    throw base::Error(base::ErrorKind::failed, file.path().string() + " " + what,
                      "it belongs to another network, or to one with other classes: take the file of this one, or begin anew");
}

std::string text_of(const StateEntry& entry) {
    return base::shape_text(entry.shape);
}

void check_shape(const base::TensorFile& file, const std::string& name, const StateEntry& entry) {
    if (!file.contains(name)) refuse(file, "has no tensor '" + name + "'");
    if (file.at(name).shape != entry.shape) refuse(file, "has " + name + " as " + file.at(name).text() + ", the network " + text_of(entry));
}

void read_into(const base::TensorFile& file, const std::string& name, const at::Tensor& into) {
    const c10::AutoGradMode no_history(false);
    const base::Tensor read = file.read(name);
    if (into.scalar_type() == at::kLong) {
        into.fill_(read.as<std::int64_t>()[0]);
        return;
    }
    std::vector<float> numbers = read.to_fp32();
    into.copy_(at::from_blob(numbers.data(), into.sizes(), at::kFloat));
}

/// Places of numbers in memory are the same; strides of axes of one number say nothing.
bool lies_as(const at::Tensor& a, const at::Tensor& b) {
    for (std::int64_t axis = 0; axis < a.dim(); ++axis)
        if (a.size(axis) > 1 && a.stride(axis) != b.stride(axis)) return false;
    return true;
}

}  // namespace

ImageTensors::ImageTensors(const ImageLayout& layout, std::int64_t classes, int moments, std::uint64_t seed) {
    for (StateEntry& state : image_state(layout, classes)) {
        auto entry = std::make_unique<Entry>();
        entry->value = initial(state, layout.features, seed);
        if (state.trained()) {
            if (moments > 0) entry->first = at::zeros_like(entry->value);
            if (moments > 1) entry->second = at::zeros_like(entry->value);
            entry->value.set_requires_grad(true);
        }
        entry->state = std::move(state);
        entries_.push_back(std::move(entry));
    }
}

ImageTensors::~ImageTensors() = default;

const StateEntry& ImageTensors::entry(std::size_t i) const {
    return entries_[i]->state;
}
const at::Tensor& ImageTensors::value(std::size_t i) const {
    return entries_[i]->value;
}
const at::Tensor& ImageTensors::first_moment(std::size_t i) const {
    return entries_[i]->first;
}
const at::Tensor& ImageTensors::second_moment(std::size_t i) const {
    return entries_[i]->second;
}

std::size_t ImageTensors::index_of(std::string_view name) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < size(); ++i) {
        if (entry(i).name == name) return i;
        names.push_back(entry(i).name);
    }
    throw base::Error(base::ErrorKind::usage, "the network has no tensor '" + std::string(name) + "'", base::suggest(name, names));
}

at::Tensor ImageTensors::gradient(std::size_t i) const {
    const at::Tensor& value = entries_[i]->value;
    const at::Tensor& gradient = value.grad();
    if (!gradient.defined() || lies_as(gradient, value)) return gradient;
    return at::empty_like(value, value.options().requires_grad(false)).copy_(gradient);
}

void ImageTensors::forget_gradients() const {
    for (const auto& entry : entries_) entry->value.mutable_grad() = at::Tensor();
}

std::vector<ImageTensors::Part> ImageTensors::parts() const {
    std::vector<Part> all;
    for (const auto& entry : entries_) {
        all.push_back({entry->state.name, &entry->state, entry->value.detach()});
        if (entry->first.defined()) all.push_back({"moment1/" + entry->state.name, &entry->state, entry->first});
        if (entry->second.defined()) all.push_back({"moment2/" + entry->state.name, &entry->state, entry->second});
    }
    return all;
}

void ImageTensors::save(const std::filesystem::path& file, const Metadata& metadata) const {
    std::vector<at::Tensor> kept;
    std::vector<base::TensorView> views;
    for (const Part& part : parts()) {
        kept.push_back(part.tensor.contiguous());
        views.push_back(base::tensor_view(part.name, type_of(part.tensor), part.state->shape, bytes_of(kept.back())));
    }
    base::write_safetensors(file, views, metadata);
}

ImageTensors::Metadata ImageTensors::load(const std::filesystem::path& path) {
    const base::TensorFile file(path);
    const std::vector<Part> all = parts();
    for (const Part& part : all) {
        check_shape(file, part.name, *part.state);
        if (file.at(part.name).type != type_of(part.tensor)) refuse(file, "has " + part.name + " as " + file.at(part.name).text());
    }
    for (const Part& part : all) read_into(file, part.name, part.tensor);
    return file.metadata();
}

std::string ImageTensors::load_weights(const std::filesystem::path& path) {
    const base::TensorFile file(path);
    std::vector<const Entry*> taken;
    std::string note;
    for (const auto& entry : entries_) {
        const StateEntry& state = entry->state;
        const bool last = state.role == Role::linear_weight || state.role == Role::linear_bias;
        if (last && (!file.contains(state.name) || file.at(state.name).shape != state.shape)) {
            if (state.role == Role::linear_weight) {
                note = file.contains(state.name)
                           ? "fc of " + std::to_string(file.at(state.name).shape.empty() ? 0 : file.at(state.name).shape[0]) +
                                 " classes was left out"
                           : "the file has no fc";
                note += ": fc of " + std::to_string(state.shape[0]) + " classes is drawn";
            }
            continue;
        }
        // Files from before PyTorch 0.4.1 have no counters, and nothing here depends on them.
        if (state.role == Role::batches && !file.contains(state.name)) continue;
        check_shape(file, state.name, state);
        const base::ElementType type = file.at(state.name).type;
        const bool fits = state.role == Role::batches ? type == base::ElementType::i64 : base::dtype_of(type).has_value();
        if (!fits) refuse(file, "has " + state.name + " as " + file.at(state.name).text());
        taken.push_back(entry.get());
    }
    for (const Entry* entry : taken) read_into(file, entry->state.name, entry->value.detach());
    return note;
}

}  // namespace plumb::nn
