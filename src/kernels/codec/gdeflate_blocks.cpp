// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/gdeflate_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/codec/gdeflate_deal.h"
#include "kernels/codec/gdeflate_head.h"
#include "kernels/codec/gdeflate_tables.h"

namespace plumb::kernels::codec::gdeflate {
namespace {

/// No code is longer than what the decoder's first tables look at: that costs 0.05 % of the size at most (dickens, nci, xml), and spares it
/// every second lookup.
constexpr unsigned literal_limit = literal_table_bits;
constexpr unsigned distance_limit = distance_table_bits;
/// What a block's code lengths take, about; a cut must win more.
constexpr double dynamic_head_bits = 60 * 8;

/// 0 for literals and symbols that mean nothing.
unsigned length_extra_bits(std::size_t symbol) {
    return symbol >= first_length_symbol && symbol - first_length_symbol < length_symbols
               ? length_ranges[symbol - first_length_symbol].extra_bits
               : 0;
}

std::size_t symbol_bits(const Frequencies& frequencies, const Codes& codes) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < literal_symbols; ++i) {
        sum += frequencies.literals[i] * (codes.literals.lengths[i] + std::size_t{length_extra_bits(i)});
    }
    for (std::size_t i = 0; i < distance_symbols; ++i)
        sum += frequencies.distances[i] * (codes.distances.lengths[i] + std::size_t{distance_ranges[i].extra_bits});
    return sum;
}

const Codes& fixed_codes() {
    static const Codes codes = [] {
        std::array<std::uint8_t, distance_symbols> distances{};
        distances.fill(fixed_distance_length);
        return Codes{PrefixCode(fixed_literal_lengths), PrefixCode(distances)};
    }();
    return codes;
}

SymbolCodes symbol_codes(const Codes& codes) {
    SymbolCodes all;
    const auto code_of = [](const auto& of, std::size_t symbol, unsigned extra_bits) {
        const SymbolCode bits = of.lengths[symbol];
        return of.codes[symbol] | bits << 16 | (bits + extra_bits) << 24;
    };
    for (std::size_t i = 0; i < literal_symbols; ++i) all.literals[i] = code_of(codes.literals, i, length_extra_bits(i));
    for (std::size_t i = 0; i < distance_symbols; ++i) all.distances[i] = code_of(codes.distances, i, distance_ranges[i].extra_bits);
    return all;
}

void write_symbols(std::span<const Token> tokens, const Codes& codes, StreamWriter& to) {
    const SymbolCodes all = symbol_codes(codes);
    const Dealing& loops = dealing();
    BitBatch batch;
    Debts debts;
    while (!tokens.empty()) {
        const std::span<const Token> some = tokens.first(std::min(tokens.size(), batch_tokens));
        tokens = tokens.subspan(some.size());
        loops.find_bits(some, all, batch);
        loops.deal(batch, debts, to);
    }
    batch.value[batch.count] = codes.literals.codes[end_of_block];
    batch.bits[batch.count] = codes.literals.lengths[end_of_block];
    batch.owed_bits[batch.count++] = 0;

    std::size_t stream = 0;
    const auto pay = [&](std::size_t debtor) {
        if (debts.bits[debtor] == 0) return false;
        to.turn(debtor, debts.value[debtor], debts.bits[debtor]);
        debts.bits[debtor] = 0;
        return true;
    };
    for (std::size_t i = 0; i < batch.count; stream = (stream + 1) % streams) {
        if (pay(stream)) continue;
        to.turn(stream, batch.value[i], batch.bits[i]);
        debts.value[stream] = batch.owed_value[i];
        debts.bits[stream] = batch.owed_bits[i++];
    }
    for (std::size_t i = 1; i < streams; ++i, stream = (stream + 1) % streams) pay(stream);
}

std::size_t stored_bits(std::size_t bytes) {
    return 8 * bytes + (block_head_bits + 16) * ((bytes + most_stored - 1) / most_stored);
}

void write_stored(Page bytes, bool last, StreamWriter& to) {
    while (!bytes.empty()) {
        const Page block = bytes.first(std::min(bytes.size(), most_stored));
        bytes = bytes.subspan(block.size());
        // The first byte belongs to the turn of the head.
        const std::uint32_t head = block_head(last && bytes.empty(), BlockType::stored) | static_cast<std::uint32_t>(block.size())
                                                                                              << block_head_bits;
        to.turn(0, head | std::uint32_t{block[0]} << (block_head_bits + 16), block_head_bits + 16 + 8);
        for (std::size_t i = 1; i < block.size(); ++i) to.turn(i % streams, block[i], 8);
    }
}

}  // namespace

Frequencies::Frequencies(std::span<const Token> tokens) {
    // Neighbours count into different tables, and literals count as distances where nobody looks: a counter that was just written is slow
    // to read.
    std::array<std::array<std::uint32_t, literal_symbols>, 2> literal_counts{};
    std::array<std::uint32_t, 2 * distance_symbols> distance_counts{};
    SymbolBatch symbols;
    while (!tokens.empty()) {
        const std::size_t count = std::min(tokens.size(), batch_tokens);
        dealing().find_symbols(tokens.first(count), symbols);
        tokens = tokens.subspan(count);
        for (std::size_t i = 0; i < count; ++i) {
            ++literal_counts[i % 2][symbols.literals[i]];
            ++distance_counts[symbols.distances[i]];
        }
    }
    for (std::size_t i = 0; i < literal_symbols; ++i) literals[i] = literal_counts[0][i] + literal_counts[1][i];
    std::copy_n(distance_counts.begin(), distance_symbols, distances.begin());
    literals[end_of_block] = 1;
}

void Frequencies::add(const Frequencies& other) {
    for (std::size_t i = 0; i < literal_symbols; ++i) literals[i] += other.literals[i];
    for (std::size_t i = 0; i < distance_symbols; ++i) distances[i] += other.distances[i];
}

double Frequencies::estimated_bits() const {
    const auto entropy = [](std::span<const std::uint32_t> counts) {
        double sum = 0;
        double weighted = 0;
        for (const std::uint32_t count : counts) {
            if (count == 0) continue;
            sum += count;
            weighted += count * std::log2(static_cast<double>(count));
        }
        return sum > 0 ? sum * std::log2(sum) - weighted : 0;
    };
    return entropy(literals) + entropy(distances);
}

Codes::Codes(const Frequencies& frequencies)
    : literals(frequencies.literals, literal_limit), distances(frequencies.distances, distance_limit) {}

std::vector<Part> split(const Part& page, std::size_t pieces) {
    if (pieces == 1) return {page};
    struct Piece {
        Part part;
        Frequencies frequencies;
        double bits = 0;
    };
    std::vector<Piece> cut;
    Part rest = page;
    for (std::size_t left = pieces; left > 0 && !rest.tokens.empty(); --left) {
        const std::size_t tokens = rest.tokens.size() / left;
        if (tokens == 0) continue;
        std::size_t bytes = 0;
        for (const Token token : rest.tokens.first(tokens)) bytes += bytes_of(token);
        Piece piece{
            .part = {rest.bytes.first(bytes), rest.tokens.first(tokens)}, .frequencies = Frequencies(rest.tokens.first(tokens)), .bits = 0};
        piece.bits = piece.frequencies.estimated_bits();
        cut.push_back(piece);
        rest = {rest.bytes.subspan(bytes), rest.tokens.subspan(tokens)};
    }
    // Joins the two neighbours that win most by one head less, for as long as any do.
    const auto joined = [&](std::size_t i) {
        Piece both = cut[i];
        both.part.bytes = {both.part.bytes.data(), both.part.bytes.size() + cut[i + 1].part.bytes.size()};
        both.part.tokens = {both.part.tokens.data(), both.part.tokens.size() + cut[i + 1].part.tokens.size()};
        both.frequencies.add(cut[i + 1].frequencies);
        both.bits = both.frequencies.estimated_bits();
        return both;
    };
    while (cut.size() > 1) {
        std::size_t best = 0;
        double most_won = 0;
        Piece best_piece;
        for (std::size_t i = 0; i + 1 < cut.size(); ++i) {
            const Piece both = joined(i);
            const double won = cut[i].bits + cut[i + 1].bits + dynamic_head_bits - both.bits;
            if (won <= most_won) continue;
            most_won = won;
            best = i;
            best_piece = both;
        }
        if (most_won <= 0) break;
        cut[best] = best_piece;
        cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    std::vector<Part> parts;
    for (const Piece& piece : cut) parts.push_back(piece.part);
    return parts;
}

void write_block(const Part& part, bool last, StreamWriter& to) {
    const Frequencies frequencies(part.tokens);
    const Codes codes(frequencies);
    const DynamicHead head(codes);
    const std::size_t dynamic = head.bits() + symbol_bits(frequencies, codes);
    const std::size_t fixed = block_head_bits + symbol_bits(frequencies, fixed_codes());
    const std::size_t stored = stored_bits(part.bytes.size());
    if (stored <= std::min(fixed, dynamic)) {
        write_stored(part.bytes, last, to);
    } else if (fixed <= dynamic) {
        to.turn(0, block_head(last, BlockType::fixed), block_head_bits);
        write_symbols(part.tokens, fixed_codes(), to);
    } else {
        head.write(last, to);
        write_symbols(part.tokens, codes, to);
    }
}

}  // namespace plumb::kernels::codec::gdeflate
