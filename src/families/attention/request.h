// SPDX-License-Identifier: Apache-2.0
// A point of the family `attention` read back from its settings.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "families/attention/cases.h"
#include "lab/schema.h"

namespace plumb::families::attention {

struct Request {
    CaseKey cases;
    std::string implementation;
    std::string isa;
    kernels::attention::Precision precision = kernels::attention::Precision::highest;
    int threads = 1;
    std::size_t tries = 1;
    std::string output;  ///< file for the result; empty: none

    /// What a file with the result says about itself.
    std::map<std::string, std::string> about() const;
};

Request read_request(const lab::Settings& settings, std::uint64_t seed);

/// Settings that mean the same become the same: what an input file says (its shapes, type and mask) stands in the settings, as many key
/// heads as heads are 0, {name} in `output` becomes the value of that setting. Throws usage where a setting that is not at its default
/// contradicts the file, and for key heads that do not divide the heads; what opening the file throws.
lab::Settings resolve(lab::Settings settings);

}  // namespace plumb::families::attention
