// SPDX-License-Identifier: Apache-2.0
// A point of the family `fault` read back from its settings.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/attention/inputs.h"
#include "kernels/protect/scheme.h"
#include "lab/schema.h"

namespace plumb::families::fault {

enum class Task {
    overhead,  ///< times clean runs
    campaign,  ///< injects faults, one a run
    clean      ///< counts false alarms of clean runs
};

struct Request {
    Task task = Task::overhead;
    const kernels::protect::Scheme* scheme = nullptr;
    kernels::protect::Protection protection;
    kernels::attention::Shape shape;
    kernels::attention::InputOptions options;
    std::string distribution;
    int threads = 1;
    bool recovery = false;
    std::uint64_t seed = 0;

    std::vector<kernels::protect::Site> sites;
    std::vector<kernels::protect::FaultModel> models;
    bool exhaustive = false;
    std::int64_t trials = 0;
    std::int64_t only_trial = -1;  ///< -1: all
    std::int64_t row_checks = 0;   ///< that a clean point is to make at least
    std::string replay;            ///< the line that repeats one trial, without its number
};

Request read_request(const lab::Settings& settings, std::uint64_t seed);

/// Numbers that are 0 become what the task has as its default; heads and batch are divided by `scale` where it is not 1; settings that a
/// scheme does not read become their defaults, so that points that mean the same are one. Throws usage where a campaign asks for a site
/// that the scheme does not have.
lab::Settings resolve(lab::Settings settings);

/// Throws Error{unsupported} with the reason.
void require_possible(const Request& request);

}  // namespace plumb::families::fault
