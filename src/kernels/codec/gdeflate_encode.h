// SPDX-License-Identifier: Apache-2.0
// Encodes one page of GDeflate.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/codec/gdeflate_format.h"
#include "kernels/codec/gdeflate_tokens.h"

namespace plumb::kernels::codec::gdeflate {

inline constexpr int lowest_level = 0;  ///< no matches: literals by their frequencies
inline constexpr int highest_level = 9;

/// Most bytes of a page of `bytes` bytes, from stored blocks: their heads, and for each stream a word begun and one that its reader holds
/// beyond. No other block is chosen where it is larger.
constexpr std::size_t page_bound(std::size_t bytes) {
    constexpr std::size_t heads = 4 * word_bytes;
    return (bytes + word_bytes - 1) / word_bytes * word_bytes + 2 * streams * word_bytes + heads;
}

class PageEncoder {
  public:
    explicit PageEncoder(int level);
    ~PageEncoder();

    /// `page` has 1 to page_bytes bytes, `out` page_bound() of them. Returns the bytes written, a multiple of 4. The same page gives the
    /// same bytes.
    std::size_t encode(Page page, std::span<std::uint8_t> out);

    std::size_t scratch_bytes() const;

  private:
    struct Scratch;  ///< what the level needs
    int level_;
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace plumb::kernels::codec::gdeflate
