// SPDX-License-Identifier: Apache-2.0
// Tables of the vector kernels of `cascaded`, worked out by the compiler. Each row is what one group needs, so that a kernel reads a row
// where it would otherwise loop or branch.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::codec::cascaded {

template <std::size_t Rows, std::size_t Columns>
struct RunTable {
    alignas(64) std::uint8_t row[Rows][Columns];
    std::uint8_t length[Rows];
};

/// Of eight elements those whose bit is set, in order: which they are, and how many.
constexpr RunTable<256, 8> make_run_ends() {
    RunTable<256, 8> table{};
    for (std::size_t mask = 0; mask < 256; ++mask) {
        for (std::size_t k = 0; k < 8; ++k) {
            if (mask >> k & 1) table.row[mask][table.length[mask]++] = static_cast<std::uint8_t>(k);
        }
    }
    return table;
}
inline constexpr RunTable<256, 8> run_ends = make_run_ends();

/// Four runs, two bits of the key each, whose lengths are those bits plus 1: the run that each output belongs to, and how many there are.
constexpr RunTable<256, 16> make_short_runs() {
    RunTable<256, 16> table{};
    for (std::size_t key = 0; key < 256; ++key) {
        for (std::size_t run = 0; run < 4; ++run) {
            for (std::size_t k = 0; k <= (key >> (2 * run) & 3); ++k) table.row[key][table.length[key]++] = static_cast<std::uint8_t>(run);
        }
    }
    return table;
}
inline constexpr RunTable<256, 16> short_runs = make_short_runs();

/// Four bits as a key of short_runs.
constexpr std::array<std::uint8_t, 16> make_spread_bits() {
    std::array<std::uint8_t, 16> spread{};
    for (std::size_t bits = 0; bits < 16; ++bits) {
        for (std::size_t k = 0; k < 4; ++k) spread[bits] = static_cast<std::uint8_t>(spread[bits] | (bits >> k & 1) << (2 * k));
    }
    return spread;
}
inline constexpr std::array<std::uint8_t, 16> spread_bits = make_spread_bits();

/// How to take packed numbers of one width out of the bytes they lie in: lane k takes the bytes `index`[k ...] of its half of the vector.
/// The lower half is loaded from the first byte of the group, the upper one from `upper_offset` on.
template <class Lane>
struct Windows {
    static constexpr std::size_t lanes = 32 / sizeof(Lane);
    alignas(32) std::uint8_t index[32];
    /// Bits below the number in its lane. For lanes of 16 bits, which cannot be shifted each by its own distance: the factor that moves the
    /// number to the top of the lane.
    alignas(32) Lane place[lanes];
};

/// Bytes between the first number of the lower and of the upper half.
template <class Lane>
constexpr std::size_t upper_offset(unsigned bits) {
    return Windows<Lane>::lanes / 2 * bits / 8;
}

/// A lane holds a number and up to 7 bits below it; four lanes of 64 bits may begin in the middle of a byte, so 4 more.
template <class Lane>
inline constexpr unsigned widest_window = sizeof(Lane) == 8 ? 64 - 7 - 4 : 8 * sizeof(Lane) - 7;

template <class Lane>
constexpr std::array<Windows<Lane>, widest_window<Lane> + 1> make_windows() {
    constexpr std::size_t lanes = Windows<Lane>::lanes;
    std::array<Windows<Lane>, widest_window<Lane> + 1> all{};
    for (unsigned bits = 0; bits <= widest_window<Lane>; ++bits) {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const std::size_t base = lane < lanes / 2 ? 0 : 8 * upper_offset<Lane>(bits);
            const std::size_t first_bit = lane * bits - base;
            for (std::size_t byte = 0; byte < sizeof(Lane); ++byte)
                all[bits].index[lane * sizeof(Lane) + byte] = static_cast<std::uint8_t>(first_bit / 8 + byte);
            const std::size_t skip = first_bit % 8;
            all[bits].place[lane] = static_cast<Lane>(sizeof(Lane) == 2 ? std::size_t{1} << (16 - bits - skip) : skip);
        }
    }
    return all;
}
template <class Lane>
inline constexpr std::array<Windows<Lane>, widest_window<Lane> + 1> windows = make_windows<Lane>();

}  // namespace plumb::kernels::codec::cascaded
