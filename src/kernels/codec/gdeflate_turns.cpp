// SPDX-License-Identifier: Apache-2.0
// Eight streams to a vector. All of a turn is done by lane: bits, table, extra bits, the next word. What the lanes found is packed to the
// left by tables of masks, so that no branch depends on data but the rare long code and the end of a block.
#include "kernels/codec/gdeflate_turns.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codec/gdeflate_turns.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/codec/gdeflate_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

/// The members of eight streams.
struct Lanes {
    V current, next, position;

    HWY_INLINE Lanes(const Streams& from, std::size_t stream)
        : current(load(from.current + stream)), next(load(from.next + stream)), position(load(from.position + stream)) {}
    HWY_INLINE V window() const { return hn::Or(hn::Shr(current, position), hn::Shl(next, hn::Sub(set(32), position))); }
    /// After `bits` bits of each, with words dealt from `words` on. Returns how many words that took.
    HWY_INLINE std::size_t end_turn(V bits, const std::uint8_t* words) {
        position = hn::Add(position, bits);
        const V wants = above(position, 32);
        const unsigned mask = bits_of(wants);
        const V dealt = pick(hn::BitCast(D(), hn::LoadU(hn::Repartition<std::uint8_t, D>(), words)), set_below[mask]);
        current = choose_lanes(wants, next, current);
        next = choose_lanes(wants, dealt, next);
        position = hn::Sub(position, hn::And(wants, set(32)));
        return count_bits(mask);
    }
    HWY_INLINE void store_to(Streams& to, std::size_t stream) const {
        store(current, to.current + stream);
        store(next, to.next + stream);
        store(position, to.position + stream);
    }
};

/// Follows the links to second tables; false when a lane's entry is still no plain symbol.
HWY_NOINLINE bool resolve(const Tables& tables, V window, V owes, V& entries) {
    alignas(32) std::uint32_t windows[lanes], owing[lanes], found[lanes];
    store(window, windows);
    store(owes, owing);
    store(entries, found);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const unsigned width = owing[lane] != 0 ? distance_table_bits : literal_table_bits;
        const Entry entry = found[lane];
        if (is_link(entry)) found[lane] = tables.entries[base_of(entry) + (windows[lane] >> width & ((1U << code_bits(entry)) - 1))];
        if (found[lane] & special_flag) return false;
    }
    entries = load(found);
    return true;
}

Turn symbols(Streams& from, const Tables& tables, std::size_t most_bytes, Symbols& to, Turn turn) {
    alignas(32) std::uint32_t owing[streams];
    for (std::size_t stream = 0; stream < streams; ++stream) owing[stream] = turn.owes_distance >> stream & 1 ? ~0U : 0;
    std::size_t literal_count = to.literal_count;
    std::size_t length_count = to.length_count;
    std::size_t distance_count = to.distance_count;
    std::size_t stopped_at = 0;
    while (!from.overrun() && literal_count + least_match * length_count <= most_bytes) {
        const std::uint8_t* const first_word = from.words_of_a_round();
        const std::uint8_t* words = first_word;
        std::size_t stream = 0;
        for (; stream < streams; stream += lanes) {
            Lanes of(from, stream);
            const V owes = load(owing + stream);
            const V window = of.window();
            const V width_mask = choose_lanes(owes, set((1U << distance_table_bits) - 1), set((1U << literal_table_bits) - 1));
            V entry = gather(tables.entries, hn::Add(hn::And(window, width_mask), hn::And(owes, set(distance_table_start))));
            if (HWY_UNLIKELY(!hn::AllFalse(D(), hn::TestBit(entry, set(special_flag))))) {
                if (!resolve(tables, window, owes, entry)) break;
            }
            const V all = hn::And(hn::ShiftRight<24>(entry), set(31));
            const V code = hn::And(hn::ShiftRight<20>(entry), set(15));
            const V extra = hn::Shr(hn::AndNot(hn::Shl(set(~0U), all), window), code);
            const V value = hn::Add(hn::And(entry, set(0xffff)), extra);
            words += of.end_turn(all, words) * word_bytes;
            of.store_to(from, stream);

            const V owes_next = spread_sign(hn::ShiftLeft<1>(entry));
            store(owes_next, owing + stream);
            const unsigned literals = bits_of(spread_sign(entry));
            const unsigned lengths = bits_of(owes_next);
            const unsigned distances = bits_of(owes);

            const Narrow narrow;
            const auto bytes = hn::DemoteTo(narrow, hn::BitCast(Signed(), hn::And(entry, set(0xff))));
            hn::StoreU(hn::TableLookupBytes(bytes, hn::LoadU(narrow, set_lanes[literals].data())), narrow, to.literals + literal_count);
            const V before = hn::Add(widen(set_below[literals]), set(static_cast<std::uint32_t>(literal_count)));
            store(pick(hn::Add(hn::ShiftLeft<16>(before), value), set_lanes[lengths]), to.lengths + length_count);
            store(pick(value, set_lanes[distances]), to.distances + distance_count);
            literal_count += count_bits(literals);
            length_count += count_bits(lengths);
            distance_count += count_bits(distances);
        }
        from.skip(static_cast<std::size_t>(words - first_word) / word_bytes);
        if (stream < streams) {
            stopped_at = stream;
            break;
        }
    }
    to.literal_count = literal_count;
    to.length_count = length_count;
    to.distance_count = distance_count;
    turn = {.stream = stopped_at, .owes_distance = 0};
    for (std::size_t stream = 0; stream < streams; ++stream) turn.owes_distance |= (owing[stream] & 1) << stream;
    return turn;
}

std::size_t stored(Streams& from, std::size_t count, Symbols& to) {
    std::size_t done = 0;
    for (; done + streams <= count && !from.overrun(); done += streams) {
        const std::uint8_t* const first_word = from.words_of_a_round();
        const std::uint8_t* words = first_word;
        for (std::size_t stream = 0; stream < streams; stream += lanes) {
            Lanes of(from, stream);
            const auto bytes = hn::DemoteTo(Narrow(), hn::BitCast(Signed(), hn::And(of.window(), set(0xff))));
            hn::StoreU(bytes, Narrow(), to.literals + to.literal_count + done + stream);
            words += of.end_turn(set(8), words) * word_bytes;
            of.store_to(from, stream);
        }
        from.skip(static_cast<std::size_t>(words - first_word) / word_bytes);
    }
    to.literal_count += done;
    return done;
}

#else

/// One lane is no vector: gdeflate_decode.cpp does every turn itself.
Turn symbols(Streams&, const Tables&, std::size_t, Symbols&, Turn turn) {
    return turn;
}
std::size_t stored(Streams&, std::size_t, Symbols&) {
    return 0;
}

#endif

template <std::size_t count>
HWY_INLINE void copy(std::uint8_t* to, const std::uint8_t* from) {
#if HWY_TARGET == HWY_SCALAR
    std::uint8_t bytes[count];
    std::memcpy(bytes, from, count);
    std::memcpy(to, bytes, count);
#else
    const hn::CappedTag<std::uint8_t, count> bytes;
    hn::StoreU(hn::LoadU(bytes, from), bytes, to);
#endif
}

/// Source and target may overlap: what was written is read again. Writes up to 32 bytes too many.
HWY_INLINE void copy_match(std::uint8_t* to, std::size_t distance, std::size_t length) {
    constexpr std::size_t step = 32;
    if (HWY_LIKELY(distance >= std::min(length, step))) {
        copy<step>(to, to - distance);
        for (std::size_t done = step; done < length; done += step) copy<step>(to + done, to + done - distance);
        return;
    }
    // The same bytes come again after any multiple of the distance: write single bytes until one as wide as a step can be had.
    const std::size_t period = (step + distance - 1) / distance * distance;
    const std::size_t single = std::min(period - distance, length);
    const std::uint8_t* const from = to - distance;
    for (std::size_t i = 0; i < single; ++i) to[i] = from[i];
    for (std::size_t done = single; done < length; done += step) copy<step>(to + done, to + done - period);
}

bool write(const Symbols& symbols, std::span<std::uint8_t> out) {
    constexpr std::size_t margin = 64;
    constexpr std::size_t short_run = 16;
    std::uint8_t* to = out.data();
    std::size_t left = out.size();
    std::size_t literal = 0;
    for (std::size_t i = 0; i < symbols.distance_count; ++i) {
        const std::size_t before = symbols.lengths[i] >> 16;
        const std::size_t length = (symbols.lengths[i] & 0xffff) + least_match;
        const std::size_t distance = std::size_t{symbols.distances[i]} + 1;
        const std::size_t run = before - literal;
        const std::uint8_t* const literals = symbols.literals + literal;
        if (HWY_UNLIKELY(run + length > left || distance > out.size() - left + run)) return false;
        if (HWY_LIKELY(run + length + margin <= left)) {
            copy<short_run>(to, literals);
            if (HWY_UNLIKELY(run > short_run)) std::memcpy(to + short_run, literals + short_run, run - short_run);
            copy_match(to + run, distance, length);
        } else {
            std::memcpy(to, literals, run);
            const std::uint8_t* const from = to + run - distance;
            for (std::size_t done = 0; done < length; ++done) to[run + done] = from[done];
        }
        to += run + length;
        left -= run + length;
        literal = before;
    }
    if (symbols.literal_count - literal != left) return false;
    if (left > 0) std::memcpy(to, symbols.literals + literal, left);
    return true;
}

constexpr Turns turn_kernels = {symbols, stored, write};

}  // namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::codec::gdeflate {

const Turns& turns() {
    return *PLUMB_FOR_ISA(current_isa(), turn_kernels);
}

}  // namespace plumb::kernels::codec::gdeflate
#endif
