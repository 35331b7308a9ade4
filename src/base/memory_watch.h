// SPDX-License-Identifier: Apache-2.0
// How much memory a piece of work touches at its peak.
#pragma once
#include <cstdint>
#include <optional>

namespace plumb::base {

/// Most memory that this process held between construction and peak(), beyond what it held before: pages touched, as the kernel counts
/// them (each thread hands its count on in lots of 64 pages, so small amounts are seen late).
class MemoryWatch {
  public:
    MemoryWatch();
    /// Bytes; nullopt where the kernel does not let the count be reset.
    std::optional<std::int64_t> peak() const;

  private:
    std::optional<std::int64_t> start_;
};

}  // namespace plumb::base
