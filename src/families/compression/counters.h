// SPDX-License-Identifier: Apache-2.0
// Instructions and cycles of this process, by the CPU's own counters, where the system lets them be read.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace plumb::families::compression {

struct Counts {
    std::int64_t instructions = 0;
    std::int64_t cycles = 0;
};

/// Counts user-mode work of the calling thread while `work` runs; nullopt where the counters are not allowed or not there, or were shared
/// with others so that they did not run all the time.
std::optional<Counts> count(const std::function<void()>& work);

/// Why count() gives nothing on this machine; empty when it works.
std::string why_no_counters();

}  // namespace plumb::families::compression
