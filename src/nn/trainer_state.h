// SPDX-License-Identifier: Apache-2.0
// Parameters and moments of a trainer in a safetensors file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nn/parameters.h"

namespace plumb::nn {

/// By index of the parameter; empty where the parameter is not trained or the rule has none.
struct Moments {
    std::vector<std::vector<float>> first;
    std::vector<std::vector<float>> second;
};

/// `moments`: nullptr leaves them out.
void save_state(const std::filesystem::path& file, const Parameters& parameters, const Moments* moments, std::int64_t steps,
                std::map<std::string, std::string> metadata);

struct LoadedState {
    std::int64_t steps = 0;
    std::map<std::string, std::string> metadata;
};
/// Writes into parameters, and into moments where the file has them. Throws failed for what does not fit; nothing is changed then.
LoadedState load_state(const std::filesystem::path& file, Parameters& parameters, Moments& moments);

}  // namespace plumb::nn
