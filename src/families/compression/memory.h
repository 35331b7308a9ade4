// SPDX-License-Identifier: Apache-2.0
// Buffers for chunks.
#pragma once
#include <cstdint>
#include <memory>

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

}  // namespace plumb::families::compression
