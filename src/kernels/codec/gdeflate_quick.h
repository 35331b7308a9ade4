// SPDX-License-Identifier: Apache-2.0
// The quick search for matches, compiled once per instruction set.
#pragma once
#include <cstdint>

#include "kernels/codec/gdeflate_tokens.h"

namespace plumb::kernels::codec::gdeflate {

/// Scratch memory of the quick search.
struct QuickTables {
    static constexpr unsigned hash_bits = 15;
    std::uint16_t heads[1U << hash_bits];
    std::uint16_t before[page_bytes];  ///< by position: the last one before it whose bytes have the same hash; 0 for none
};

/// Two earlier positions are compared at each position, the longer match is taken at once. By the code of current_isa().
void quick_search(Page page, QuickTables& tables, Tokens& tokens);

}  // namespace plumb::kernels::codec::gdeflate
