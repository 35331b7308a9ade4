// SPDX-License-Identifier: Apache-2.0
// How a page is cut into literals and matches, beside gdeflate_quick.h. To add a way: its function here, its level in gdeflate_encode.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/codec/gdeflate_chains.h"
#include "kernels/codec/gdeflate_tokens.h"

namespace plumb::kernels::codec::gdeflate {

/// The best match at a position, unless a better one begins soon behind it.
void lazy_search(Page page, const Effort& effort, Chains& chains, Tokens& tokens);

/// The cheapest of all ways through the matches that chains give.
class CheapestPath {
  public:
    /// Prices are those of the symbols' frequencies in `tokens`, which the cheapest way replaces: effort.passes times. `chains` has the
    /// index of `page`.
    void search(Page page, const Effort& effort, const Chains& chains, Tokens& tokens);
    std::size_t scratch_bytes() const { return sizeof(*this) + matches_.capacity() * sizeof(Token); }

  private:
    void find_matches(Page page, const Effort& effort, const Chains& chains);
    void walk(Page page, const Tokens& tokens);
    void trace_back(Page page, Tokens& tokens);

    std::uint32_t price_[page_bytes + 1];        ///< of the way to a position, in 16ths of a bit
    Token last_[page_bytes + 1];                 ///< of that way
    std::uint32_t first_match_[page_bytes + 1];  ///< of a position, in `matches_`
    std::vector<Token> matches_;                 ///< of each position, with rising length
};

}  // namespace plumb::kernels::codec::gdeflate
