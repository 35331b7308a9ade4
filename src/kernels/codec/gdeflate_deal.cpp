// SPDX-License-Identifier: Apache-2.0
// Eight tokens, or eight streams, to a vector; the mirror image of gdeflate_turns.cpp.
#include "kernels/codec/gdeflate_deal.h"

#include <algorithm>

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codec/gdeflate_deal.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/codec/gdeflate_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

/// As floating-point numbers, whose highest bits are the exponent and then the bits below the leading one.
HWY_INLINE V float_bits(V v) {
    return hn::BitCast(D(), hn::ConvertTo(hn::Rebind<float, D>(), hn::BitCast(Signed(), v)));
}
HWY_INLINE V max_signed(V a, V b) {
    return hn::BitCast(D(), hn::Max(hn::BitCast(Signed(), a), hn::BitCast(Signed(), b)));
}
HWY_INLINE V min_signed(V a, V b) {
    return hn::BitCast(D(), hn::Min(hn::BitCast(Signed(), a), hn::BitCast(Signed(), b)));
}

struct TokenLanes {
    V length_above, distance_above;  ///< less 3, less 1
    V literal_symbol, distance_symbol;

    HWY_INLINE explicit TokenLanes(V token) {
        const V length = hn::ShiftRight<16>(token);
        const V match = above(length, 0);
        length_above = hn::Sub(length, set(least_match));
        distance_above = hn::Sub(hn::And(token, set(0xffff)), set(1));
        // An exponent of 2^n is stored as n + 127. Values below 4, and below 2, are their own symbols.
        const V length_bits = hn::Sub(hn::ShiftRight<21>(float_bits(length_above)), set(4 * 127 + 4));
        const V length_symbol = min_signed(max_signed(length_bits, min_signed(length_above, set(3))), set(length_symbols - 1));
        const V distance_bits = hn::Sub(hn::ShiftRight<22>(float_bits(distance_above)), set(2 * 127));
        const V symbol = max_signed(distance_bits, min_signed(distance_above, set(1)));
        const V byte = hn::And(token, set(0xff));
        literal_symbol = choose_lanes(match, hn::Add(length_symbol, set(first_length_symbol)), byte);
        // Literals of one kind are counted in many places: see Frequencies.
        distance_symbol = choose_lanes(match, symbol, hn::Or(hn::And(byte, set(distance_symbols - 1)), set(distance_symbols)));
    }
};

/// The last tokens, made up to a vector.
HWY_INLINE V load_tokens(std::span<const Token> tokens, std::size_t at) {
    if (HWY_LIKELY(at + lanes <= tokens.size())) return load(tokens.data() + at);
    std::uint32_t last[lanes] = {};
    std::copy(tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens.end(), last);
    return load(last);
}

void find_symbols(std::span<const Token> tokens, SymbolBatch& to) {
    for (std::size_t at = 0; at < tokens.size(); at += lanes) {
        const TokenLanes of(load_tokens(tokens, at));
        store(of.literal_symbol, to.literals + at);
        store(of.distance_symbol, to.distances + at);
    }
}

/// Code and extra bits: those of `above` that the symbol leaves open, its lowest.
HWY_INLINE V value_of(V code, V value_above, V& all_bits) {
    const V code_bits = hn::And(hn::ShiftRight<16>(code), set(31));
    all_bits = hn::ShiftRight<24>(code);
    const V extra = hn::AndNot(hn::Shl(set(~0U), hn::Sub(all_bits, code_bits)), value_above);
    return hn::Or(hn::And(code, set(0xffff)), hn::Shl(extra, code_bits));
}

void find_bits(std::span<const Token> tokens, const SymbolCodes& codes, BitBatch& to) {
    for (std::size_t at = 0; at < tokens.size(); at += lanes) {
        const TokenLanes of(load_tokens(tokens, at));
        V bits;
        const V value = value_of(gather(codes.literals.data(), of.literal_symbol), of.length_above, bits);
        V owed_bits;
        const V owed_value = value_of(gather(codes.distances.data(), of.distance_symbol), of.distance_above, owed_bits);
        store(value, to.value + to.count + at);
        store(bits, to.bits + to.count + at);
        store(owed_value, to.owed_value + to.count + at);
        store(owed_bits, to.owed_bits + to.count + at);
    }
    to.count += tokens.size();
}

void deal(BitBatch& from, Debts& debts, StreamWriter& to) {
    std::size_t used = 0;
    std::uint32_t words = to.words;
    while (used + streams <= from.count) {
        for (std::size_t stream = 0; stream < streams; stream += lanes) {
            const V debt_bits = load(debts.bits + stream);
            const V pays = above(debt_bits, 0);
            const unsigned dealt = ~bits_of(pays) & 0xff;
            const LaneBytes& which = set_below[dealt];
            const V value = choose_lanes(pays, load(debts.value + stream), pick(load(from.value + used), which));
            const V bits = choose_lanes(pays, debt_bits, pick(load(from.bits + used), which));
            store(pick(load(from.owed_value + used), which), debts.value + stream);
            store(hn::AndNot(pays, pick(load(from.owed_bits + used), which)), debts.bits + stream);
            used += count_bits(dealt);

            const V count = load(to.count + stream);
            const V word = hn::Or(load(to.waiting + stream), hn::Shl(value, count));
            const V rest = hn::Shr(value, hn::Sub(set(32), count));
            const V count_after = hn::Add(count, bits);
            const V full = above(count_after, 32);
            const unsigned filled = bits_of(full);
            alignas(32) std::uint32_t word_of[lanes];
            store(word, word_of);
            // A word is written as often as it grows.
            for (std::size_t lane = 0; lane < lanes; ++lane) to.write(to.place[stream + lane], word_of[lane]);
            store(choose_lanes(full, rest, word), to.waiting + stream);
            store(hn::Sub(count_after, hn::And(full, set(32))), to.count + stream);
            const V next_place = load(to.next_place + stream);
            store(choose_lanes(full, next_place, load(to.place + stream)), to.place + stream);
            store(choose_lanes(full, hn::Add(widen(set_below[filled]), set(words)), next_place), to.next_place + stream);
            words += static_cast<std::uint32_t>(count_bits(filled));
        }
    }
    to.words = words;
    from.count -= used;
    for (std::uint32_t* row : {from.value, from.bits, from.owed_value, from.owed_bits}) std::copy_n(row + used, from.count, row);
}

#else

void find_symbols(std::span<const Token> tokens, SymbolBatch& to) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool match = is_match(tokens[i]);
        to.literals[i] = match ? first_length_symbol + length_symbol(tokens[i] >> 16) : tokens[i];
        to.distances[i] = match ? distance_symbol(tokens[i] & 0xffff) : distance_symbols;
    }
}

void find_bits(std::span<const Token> tokens, const SymbolCodes& codes, BitBatch& to) {
    SymbolBatch symbols;
    find_symbols(tokens, symbols);
    const auto value = [](SymbolCode code, std::uint32_t above) {
        const unsigned code_bits = code >> 16 & 31;
        return (code & 0xffff) | (above & ((1U << ((code >> 24) - code_bits)) - 1)) << code_bits;
    };
    for (std::size_t i = 0; i < tokens.size(); ++i, ++to.count) {
        const SymbolCode literal = codes.literals[symbols.literals[i]];
        const SymbolCode distance = codes.distances[symbols.distances[i]];
        to.value[to.count] = value(literal, (tokens[i] >> 16) - least_match);
        to.bits[to.count] = literal >> 24;
        to.owed_value[to.count] = value(distance, (tokens[i] & 0xffff) - 1);
        to.owed_bits[to.count] = distance >> 24;
    }
}

void deal(BitBatch& from, Debts& debts, StreamWriter& to) {
    std::size_t used = 0;
    while (used + streams <= from.count) {
        for (std::size_t stream = 0; stream < streams; ++stream) {
            if (debts.bits[stream] > 0) {
                to.turn(stream, debts.value[stream], debts.bits[stream]);
                debts.bits[stream] = 0;
                continue;
            }
            to.turn(stream, from.value[used], from.bits[used]);
            debts.value[stream] = from.owed_value[used];
            debts.bits[stream] = from.owed_bits[used++];
        }
    }
    from.count -= used;
    for (std::uint32_t* row : {from.value, from.bits, from.owed_value, from.owed_bits}) std::copy_n(row + used, from.count, row);
}

#endif

constexpr Dealing dealing_kernels = {find_symbols, find_bits, deal};

}  // namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::codec::gdeflate {

const Dealing& dealing() {
    return *PLUMB_FOR_ISA(current_isa(), dealing_kernels);
}

}  // namespace plumb::kernels::codec::gdeflate
#endif
