// SPDX-License-Identifier: Apache-2.0
#include "families/compression/printable.h"

#include <cstdint>

namespace plumb::families::compression {

namespace {

/// Bytes of the well-formed sequence that `bytes` begins with, 0 where there is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view bytes) {
    const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
    const auto within = [&](std::size_t i, unsigned low, unsigned high) { return at(i) >= low && at(i) <= high; };
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    if (within(0, 0xC2, 0xDF)) return within(1, 0x80, 0xBF) ? 2 : 0;
    if (within(0, 0xE0, 0xEF)) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (within(0, 0xF0, 0xF4)) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string printable(std::string_view bytes) {
    std::string result;
    result.reserve(bytes.size());
    while (!bytes.empty()) {
        const std::size_t size = sequence_length(bytes);
        const auto first = static_cast<unsigned char>(bytes[0]);
        if (size == 0) {
            result += "\xEF\xBF\xBD";
        } else if (first < 0x20 || first == 0x7F) {
            result += ' ';
        } else {
            result += bytes.substr(0, size);
        }
        bytes.remove_prefix(size == 0 ? 1 : size);
    }
    return result;
}

}  // namespace plumb::families::compression
