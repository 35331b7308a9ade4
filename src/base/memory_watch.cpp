// SPDX-License-Identifier: Apache-2.0
#include "base/memory_watch.h"

#include <malloc.h>

#include <fstream>
#include <string>

namespace plumb::base {

namespace {

/// A line "VmHWM:  1234 kB" of /proc/self/status, in bytes.
std::optional<std::int64_t> status_bytes(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        std::int64_t kibibytes = 0;
        if (word == key && status >> kibibytes) return kibibytes * 1024;
    }
    return std::nullopt;
}

/// Sets the peak back to what is held now (proc(5), clear_refs).
bool reset_peak() {
    std::ofstream refs("/proc/self/clear_refs");
    refs << "5" << std::flush;
    return refs.good();
}

}  // namespace

MemoryWatch::MemoryWatch() {
    // What the allocator keeps for later would be used again unseen.
    ::malloc_trim(0);
    if (reset_peak()) start_ = status_bytes("VmHWM:");
}

std::optional<std::int64_t> MemoryWatch::peak() const {
    const auto now = status_bytes("VmHWM:");
    if (!start_ || !now) return std::nullopt;
    return *now - *start_;
}

}  // namespace plumb::base
