// SPDX-License-Identifier: Apache-2.0
// The inner loops of the encoder behind the search for matches: tokens to symbols, symbols to bits, bits to streams. Compiled once per
// instruction set.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/codec/gdeflate_tokens.h"
#include "kernels/codec/gdeflate_writer.h"

namespace plumb::kernels::codec::gdeflate {

/// So many tokens go through a loop at once.
inline constexpr std::size_t batch_tokens = 512;

/// The symbols of up to a batch of tokens. A literal has a distance symbol that is none: distance_symbols or above.
struct SymbolBatch {
    std::uint32_t literals[batch_tokens];  ///< and lengths
    std::uint32_t distances[batch_tokens];
};

/// What a symbol is written as: its code, in bits 16 to 20 the bits of the code, in bits 24 to 28 those and the extra bits together.
using SymbolCode = std::uint32_t;
struct SymbolCodes {
    std::array<SymbolCode, literal_symbols> literals{};
    std::array<SymbolCode, 2 * distance_symbols> distances{};  ///< 0 for those that are none
};

/// Codes with their extra bits, one turn each, in the order of tokens: that of a literal or length, and that of the distance which the
/// stream must write in its next turn; 0 bits for none. Up to a round of turns is carried over to the next batch.
struct BitBatch {
    static constexpr std::size_t room = batch_tokens + 2 * streams;
    std::uint32_t value[room];
    std::uint32_t bits[room];
    std::uint32_t owed_value[room];
    std::uint32_t owed_bits[room];
    std::size_t count = 0;
};

/// Distances that streams owe, between rounds.
struct Debts {
    alignas(64) std::uint32_t value[streams] = {};
    alignas(64) std::uint32_t bits[streams] = {};
};

struct Dealing {
    /// At most batch_tokens tokens.
    void (*find_symbols)(std::span<const Token> tokens, SymbolBatch& to);
    /// Appends at most batch_tokens tokens.
    void (*find_bits)(std::span<const Token> tokens, const SymbolCodes& codes, BitBatch& to);
    /// Whole rounds of turns, each from stream 0 on, for as long as there may be enough tokens; leaves fewer than 32 of them in `from`, the
    /// first ones in front.
    void (*deal)(BitBatch& from, Debts& debts, StreamWriter& to);
};

/// Those of current_isa().
const Dealing& dealing();

}  // namespace plumb::kernels::codec::gdeflate
