// SPDX-License-Identifier: Apache-2.0
// Which fault trial t of a campaign injects: a function of the request and t alone, so that trials can be run in any order, on any number
// of threads, again, and each alone.
//
// Drawn: sites take turns, then models; within one site and model single bits are gone through one after the other, and the keys' positions
// in thirds (first, a middle, the last block of keys); the rest is chance. Exhaustive: every number of the site, every bit.
#pragma once
#include <cstdint>

#include "families/fault/request.h"

namespace plumb::families::fault {

/// Blocks in which positions are stratified; those of the fused kernel.
inline constexpr std::int64_t block_keys = 128;

std::int64_t trial_count(const Request& request);
kernels::protect::Fault fault_of_trial(const Request& request, std::int64_t trial);

}  // namespace plumb::families::fault
