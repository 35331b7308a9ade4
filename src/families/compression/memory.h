// SPDX-License-Identifier: Apache-2.0
// Buffers for chunks, and how much memory a piece of work touches at its peak.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "kernels/codec/codec.h"

namespace plumb::families::compression {

/// Bytes that start at a multiple of `alignment`, of a value that no codec has reason to leave behind.
class AlignedBytes {
  public:
    static constexpr std::size_t alignment = 64;
    static constexpr std::uint8_t spoilt = 0xA5;

    explicit AlignedBytes(std::size_t size);
    std::uint8_t* data() const { return bytes_.get(); }
    std::size_t size() const { return size_; }
    void spoil();

  private:
    struct Free {
        void operator()(std::uint8_t* bytes) const;
    };
    std::size_t size_;
    std::unique_ptr<std::uint8_t[], Free> bytes_;
};

/// Most memory that this process held between construction and peak(), beyond what it held before: pages touched, as the kernel counts
/// them.
class MemoryWatch {
  public:
    MemoryWatch();
    /// Bytes; nullopt where the kernel does not let the count be reset.
    std::optional<std::int64_t> peak() const;

  private:
    std::optional<std::int64_t> start_;
};

}  // namespace plumb::families::compression
