// SPDX-License-Identifier: Apache-2.0
// The inner loops of the decoder, compiled once per instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_decode.h"
#include "kernels/codec/gdeflate_streams.h"
#include "kernels/codec/gdeflate_tables.h"

namespace plumb::kernels::codec::gdeflate {

/// Where the turns of a block stand: the stream whose turn is next, and by bit the streams whose next turn is a distance.
struct Turn {
    std::size_t stream = 0;
    std::uint32_t owes_distance = 0;
};

struct Turns {
    /// Decodes whole vectors of turns from `turn`, whose stream is 0, on; stops before a vector with an end of block or an invalid code in
    /// it, or where the page or `most_bytes` of output run out. May do nothing at all.
    Turn (*symbols)(Streams& from, const Tables& tables, std::size_t most_bytes, Symbols& to, Turn turn);
    /// As many of `count` bytes of a stored block as fit whole rounds, from stream 0 on; returns how many.
    std::size_t (*stored)(Streams& from, std::size_t count, Symbols& to);
    /// Writes all literals and matches; false when they do not give exactly out.size() bytes or a distance leads before the first.
    bool (*write)(const Symbols& symbols, std::span<std::uint8_t> out);
};

/// Those of current_isa().
const Turns& turns();

}  // namespace plumb::kernels::codec::gdeflate
