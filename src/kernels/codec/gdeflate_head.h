// SPDX-License-Identifier: Apache-2.0
// The head of a dynamic block: how many codes there are, and their lengths, which are themselves written in a prefix code.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_blocks.h"
#include "kernels/codec/gdeflate_format.h"
#include "kernels/codec/gdeflate_huffman.h"
#include "kernels/codec/gdeflate_writer.h"

namespace plumb::kernels::codec::gdeflate {

/// What every block begins with.
inline constexpr unsigned block_head_bits = 3;
constexpr std::uint32_t block_head(bool last, BlockType type) {
    return static_cast<std::uint32_t>(last) | static_cast<std::uint32_t>(type) << 1;
}

class DynamicHead {
  public:
    explicit DynamicHead(const Codes& codes);

    std::size_t bits() const;
    void write(bool last, StreamWriter& to) const;

  private:
    /// A code length, or several by one of the three symbols that repeat.
    struct Item {
        std::uint8_t symbol = 0;
        std::uint8_t extra_bits = 0;
        std::uint8_t extra = 0;
    };
    void make_items(std::span<const std::uint8_t> lengths);
    void add(std::uint8_t symbol, unsigned extra_bits = 0, std::size_t extra = 0);
    std::size_t add_run(std::uint8_t symbol, unsigned extra_bits, std::size_t least, std::size_t run);

    std::size_t literal_codes_ = 0;
    std::size_t distance_codes_ = 0;
    std::size_t precode_lengths_ = precode_symbols;
    std::array<Item, literal_symbols + distance_symbols> items_{};
    std::size_t count_ = 0;
    PrefixCode<precode_symbols> precode_;
};

}  // namespace plumb::kernels::codec::gdeflate
