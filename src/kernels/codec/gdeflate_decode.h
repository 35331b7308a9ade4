// SPDX-License-Identifier: Apache-2.0
// Decodes one page of GDeflate in two steps: all symbols into rows of literals and matches, then the output out of these. The second is not
// held up by bits, the first not by copies, and both are free of branches that data decides at every symbol.
// To add an instruction set: kernels/simd_targets.h.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kernels/codec/gdeflate_format.h"
#include "kernels/codec/gdeflate_tables.h"

namespace plumb::kernels::codec::gdeflate {

/// What the symbols of a page say, in the order of the output. Match i has `lengths[i]`: the literals before it in the upper half, its
/// length less 3 in the lower; and `distances[i]`: its distance less 1. In the middle of a block up to 32 lengths still lack their
/// distance. The rows have room for one round of 32 turns, and vectors, beyond what a page can hold.
struct Symbols {
    static constexpr std::size_t slack = 2 * streams;
    alignas(64) std::uint8_t literals[page_bytes + slack];
    alignas(64) std::uint32_t lengths[page_bytes / least_match + slack];
    alignas(64) std::uint32_t distances[page_bytes / least_match + slack];
    std::size_t literal_count = 0;
    std::size_t length_count = 0;
    std::size_t distance_count = 0;

    /// Whether they surely give more than `bytes` bytes. To be asked once a round, before the rows overflow.
    bool above(std::size_t bytes) const { return literal_count + least_match * length_count > bytes; }
};

/// Scratch memory of one decoder: 0.3 MB.
class PageDecoder {
  public:
    PageDecoder() : state_(std::make_unique<State>()) {}

    /// Writes the whole of `out`, at most page_bytes and not nothing. Empty when all is well, else the reason why `page` is no page of so
    /// many bytes; `out` then holds anything. Reads nothing outside `page`; time in proportion to both sizes.
    std::string_view decode(std::span<const std::uint8_t> page, std::span<std::uint8_t> out);

    static constexpr std::size_t scratch_bytes() { return sizeof(State); }

  private:
    struct State {
        Symbols symbols;
        Tables tables;
        bool has_fixed_tables = false;
    };
    std::unique_ptr<State> state_;
};

}  // namespace plumb::kernels::codec::gdeflate
