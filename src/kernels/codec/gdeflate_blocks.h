// SPDX-License-Identifier: Apache-2.0
// Writes tokens as blocks: counts symbols, prices a block as stored, fixed and dynamic, writes the cheapest.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/codec/gdeflate_format.h"
#include "kernels/codec/gdeflate_huffman.h"
#include "kernels/codec/gdeflate_tokens.h"
#include "kernels/codec/gdeflate_writer.h"

namespace plumb::kernels::codec::gdeflate {

/// Part of a page, cut between tokens.
struct Part {
    Page bytes;
    std::span<const Token> tokens;
};

/// How often each symbol occurs.
struct Frequencies {
    std::array<std::uint32_t, literal_symbols> literals{};  ///< and lengths
    std::array<std::uint32_t, distance_symbols> distances{};

    Frequencies() = default;
    explicit Frequencies(std::span<const Token> tokens);
    void add(const Frequencies& other);
    /// Bits of a dynamic block by entropy: an estimate, quick to have.
    double estimated_bits() const;
};

struct Codes {
    PrefixCode<literal_symbols> literals;
    PrefixCode<distance_symbols> distances;
    explicit Codes(const Frequencies& frequencies);
    Codes(const PrefixCode<literal_symbols>& of_literals, const PrefixCode<distance_symbols>& of_distances)
        : literals(of_literals), distances(of_distances) {}
};

/// Cuts a page where the pieces are cheaper than the whole; `pieces` at most.
std::vector<Part> split(const Part& page, std::size_t pieces);
void write_block(const Part& part, bool last, StreamWriter& to);

}  // namespace plumb::kernels::codec::gdeflate
