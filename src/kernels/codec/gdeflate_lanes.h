// SPDX-License-Identifier: Apache-2.0
// Tables by mask of eight lanes, for packing vectors to the left and spreading them out again.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace plumb::kernels::codec::gdeflate {

inline constexpr std::size_t lanes = 8;
using LaneBytes = std::array<std::uint8_t, lanes>;

/// By mask: the set lanes in order, then lane 0.
inline constexpr auto set_lanes = [] {
    std::array<LaneBytes, 256> table{};
    for (unsigned mask = 0; mask < 256; ++mask) {
        unsigned count = 0;
        for (std::uint8_t lane = 0; lane < lanes; ++lane) {
            if (mask >> lane & 1) table[mask][count++] = lane;
        }
    }
    return table;
}();
/// By mask: for each lane how many are set below it.
inline constexpr auto set_below = [] {
    std::array<LaneBytes, 256> table{};
    for (unsigned mask = 0; mask < 256; ++mask) {
        std::uint8_t count = 0;
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            table[mask][lane] = count;
            count = static_cast<std::uint8_t>(count + (mask >> lane & 1));
        }
    }
    return table;
}();

}  // namespace plumb::kernels::codec::gdeflate
