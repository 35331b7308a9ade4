// SPDX-License-Identifier: Apache-2.0
#include "nn/trainer_state.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/tensor_file.h"

namespace plumb::nn {

namespace {

const char* const steps_key = "steps";

std::string first_name(const std::string& name) {
    return "moment1/" + name;
}
std::string second_name(const std::string& name) {
    return "moment2/" + name;
}

[[noreturn]] void refuse(const base::TensorFile& file, const std::string& what) {
    throw base::Error(base::ErrorKind::failed, "the checkpoint " + file.path().string() + " " + what,
                      "it belongs to another model: take the one of this run, or remove it and train anew");
}

/// The file's tensor, which must have as many numbers as `into`.
void check_fits(const base::TensorFile& file, const std::string& name, std::span<const float> into) {
    if (!file.contains(name)) refuse(file, "has no tensor '" + name + "'");
    const base::TensorInfo& info = file.at(name);
    if (info.type != base::ElementType::fp32 || info.elements() != std::ssize(into))
        refuse(file, "has " + name + " as " + info.text() + ", the model has " + std::to_string(into.size()) + " fp32 numbers");
}

void read_into(const base::TensorFile& file, const std::string& name, std::span<float> into) {
    const base::Tensor tensor = file.read(name);
    std::ranges::copy(tensor.as<float>(), into.begin());
}

std::int64_t steps_of(const base::TensorFile& file) {
    const auto found = file.metadata().find(steps_key);
    std::int64_t steps = -1;
    if (found != file.metadata().end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), steps);
    if (steps < 0) refuse(file, "does not say how many steps it took");
    return steps;
}

}  // namespace

void save_state(const std::filesystem::path& file, const Parameters& parameters, const Moments* moments, std::int64_t steps,
                std::map<std::string, std::string> metadata) {
    std::vector<base::TensorView> views;
    const auto give = [&](const std::string& name, std::size_t i, std::span<const float> numbers) {
        if (numbers.empty()) return;
        views.push_back(base::tensor_view(name, base::ElementType::fp32, parameters.tensor(i).sizes().vec(), numbers));
    };
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        give(parameters.name(i), i, parameters.values(i));
        if (moments == nullptr) continue;
        give(first_name(parameters.name(i)), i, moments->first[i]);
        give(second_name(parameters.name(i)), i, moments->second[i]);
    }
    metadata[steps_key] = std::to_string(steps);
    base::write_safetensors(file, views, metadata);
}

LoadedState load_state(const std::filesystem::path& path, Parameters& parameters, Moments& moments) {
    const base::TensorFile file(path);
    LoadedState state{steps_of(file), file.metadata()};
    struct Part {
        std::string name;
        std::span<float> into;
    };
    std::vector<Part> parts;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const std::string& name = parameters.name(i);
        parts.push_back({name, parameters.values(i)});
        const bool has_moments = file.contains(first_name(name));
        if (has_moments && !moments.first[i].empty()) parts.push_back({first_name(name), moments.first[i]});
        if (has_moments && !moments.second[i].empty()) parts.push_back({second_name(name), moments.second[i]});
    }
    for (const Part& part : parts) check_fits(file, part.name, part.into);
    for (const Part& part : parts) read_into(file, part.name, part.into);
    return state;
}

}  // namespace plumb::nn
