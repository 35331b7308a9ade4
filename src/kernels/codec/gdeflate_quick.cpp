// SPDX-License-Identifier: Apache-2.0
// Without branches but for matches longer than a vector: data decides whether a position has a match, and how long it is, about at random.
// All of a page is indexed before any of it is looked up, in a pass of its own.
#include "kernels/codec/gdeflate_quick.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codec/gdeflate_quick.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Value>
HWY_INLINE Value load_as(const std::uint8_t* from) {
    Value value;
    std::memcpy(&value, from, sizeof(value));
    return value;
}

/// How many of the first `width` bytes are the same.
struct SameOfEight {
    static constexpr unsigned width = 8;
    HWY_INLINE unsigned operator()(const std::uint8_t* a, const std::uint8_t* b) const {
        return static_cast<unsigned>(std::countr_zero(load_as<std::uint64_t>(a) ^ load_as<std::uint64_t>(b))) / 8;
    }
};
struct SameOfMany {
    static constexpr unsigned width = 32;
    HWY_INLINE unsigned operator()(const std::uint8_t* a, const std::uint8_t* b) const {
#if HWY_TARGET == HWY_SCALAR
        unsigned length = 0;
        for (unsigned more = 8; length < width && more == 8; length += more) more = SameOfEight()(a + length, b + length);
        return length;
#else
        const hn::CappedTag<std::uint8_t, width> bytes;
        std::uint8_t bits[8] = {};
        hn::StoreMaskBits(bytes, hn::Eq(hn::LoadU(bytes, a), hn::LoadU(bytes, b)), bits);
        return static_cast<unsigned>(std::countr_one(load_as<std::uint32_t>(bits)));
#endif
    }
};

void index(Page page, QuickTables& tables) {
    std::memset(tables.heads, 0, sizeof(tables.heads));
    std::uint16_t* const before = tables.before;
    std::uint16_t* const heads = tables.heads;
    const std::size_t end = page.size();
    for (std::size_t at = 0; at + 8 <= end; at += 4) {
        // Four strings out of one load.
        const auto here = load_as<std::uint64_t>(page.data() + at);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            const std::uint32_t hash = static_cast<std::uint32_t>(here >> (8 * i)) * 0x9e3779b1U;
            std::uint16_t& head = heads[hash >> (32 - QuickTables::hash_bits)];
            before[at + i] = head;
            head = static_cast<std::uint16_t>(at + i);
        }
    }
}

/// The hash is that of four bytes.
constexpr std::uint32_t least_taken = 4;

/// A part of a page on its way to tokens.
struct Cursor {
    std::size_t at;
    std::size_t end;
    Token* next;
};

/// One token. There are Same::width bytes at `at`, and a byte of the part.
template <class Same>
HWY_INLINE void step(Page page, const QuickTables& tables, Cursor& cursor) {
    constexpr Same same;
    const std::size_t at = cursor.at;
    const std::uint8_t* const bytes = page.data();
    const std::uint8_t* const here = bytes + at;
    const std::size_t near = tables.before[at];
    const std::size_t far = tables.before[near];
    const unsigned near_length = same(here, bytes + near);
    const unsigned far_length = same(here, bytes + far);
    const std::uint32_t takes_far = mask_of(far_length > near_length);
    std::uint32_t length = choose(takes_far, far_length, near_length);
    const std::uint32_t from = choose(takes_far, static_cast<std::uint32_t>(far), static_cast<std::uint32_t>(near));
    const std::size_t most = std::min<std::size_t>(cursor.end - at, longest_match);
    if (HWY_UNLIKELY(length == Same::width)) {
        while (length + Same::width <= most) {
            const unsigned more = same(here + length, bytes + from + length);
            length += more;
            if (more < Same::width) break;
        }
        while (length < most && here[length] == bytes[from + length]) ++length;
    }
    length = std::min(length, static_cast<std::uint32_t>(most));
    const std::uint32_t matches = mask_of(length >= least_taken);
    *cursor.next++ = choose(matches, match_token(length, static_cast<std::uint32_t>(at) - from), *here);
    cursor.at = at + choose(matches, length, 1);
}

template <class Same>
HWY_INLINE void run(Page page, const QuickTables& tables, Cursor& cursor) {
    while (cursor.at < cursor.end && cursor.at + Same::width <= page.size()) step<Same>(page, tables, cursor);
}

void quick_search(Page page, QuickTables& tables, Tokens& tokens) {
    // A token must be known before the next one can be looked for, and takes long to know: parts of a page go side by side.
    constexpr std::size_t parts = 4;
    if (page.size() < parts * SameOfEight::width) return tokens.add_literals(page);
    index(page, tables);
    Token* const first = tokens.next();
    Cursor cursors[parts];
    for (std::size_t i = 0; i < parts; ++i) {
        const std::size_t begin = page.size() * i / parts;
        cursors[i] = {begin, page.size() * (i + 1) / parts, first + begin};
    }
    // Position 0 has nothing before it.
    *cursors[0].next++ = page[cursors[0].at++];
    const auto all_go_on = [&] {
        bool go_on = cursors[parts - 1].at + SameOfMany::width <= page.size();
        for (const Cursor& cursor : cursors) go_on &= cursor.at < cursor.end;
        return go_on;
    };
    while (all_go_on()) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < parts; ++i) step<SameOfMany>(page, tables, cursors[i]);
    }
    Token* next = first;
    for (std::size_t i = 0; i < parts; ++i) {
        Cursor& cursor = cursors[i];
        run<SameOfMany>(page, tables, cursor);
        run<SameOfEight>(page, tables, cursor);
        while (cursor.at < cursor.end) *cursor.next++ = page[cursor.at++];
        const Token* const begin = first + page.size() * i / parts;
        next = std::copy(begin, static_cast<const Token*>(cursor.next), next);
    }
    tokens.set_next(next);
}

}  // namespace plumb::kernels::codec::gdeflate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::codec::gdeflate {

void quick_search(Page page, QuickTables& tables, Tokens& tokens) {
    PLUMB_FOR_ISA(current_isa(), quick_search)(page, tables, tokens);
}

}  // namespace plumb::kernels::codec::gdeflate
#endif
