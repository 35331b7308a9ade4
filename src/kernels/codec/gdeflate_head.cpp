// SPDX-License-Identifier: Apache-2.0
#include "kernels/codec/gdeflate_head.h"

#include <algorithm>

namespace plumb::kernels::codec::gdeflate {
namespace {

constexpr unsigned counts_bits = 5 + 5 + 4;

/// Codes up to the last that has a length.
template <std::size_t symbols>
std::size_t used(const std::array<std::uint8_t, symbols>& lengths, std::size_t least) {
    std::size_t count = symbols;
    while (count > least && lengths[count - 1] == 0) --count;
    return count;
}

}  // namespace

DynamicHead::DynamicHead(const Codes& codes)
    : literal_codes_(used(codes.literals.lengths, first_length_symbol)), distance_codes_(used(codes.distances.lengths, 1)) {
    std::array<std::uint8_t, literal_symbols + distance_symbols> lengths{};
    std::copy_n(codes.literals.lengths.begin(), literal_codes_, lengths.begin());
    std::copy_n(codes.distances.lengths.begin(), distance_codes_, lengths.begin() + static_cast<std::ptrdiff_t>(literal_codes_));
    make_items({lengths.data(), literal_codes_ + distance_codes_});
    std::array<std::uint32_t, precode_symbols> frequencies{};
    for (std::size_t i = 0; i < count_; ++i) ++frequencies[items_[i].symbol];
    precode_ = PrefixCode<precode_symbols>(frequencies, longest_precode);
    while (precode_lengths_ > 4 && precode_.lengths[precode_order[precode_lengths_ - 1]] == 0) --precode_lengths_;
}

std::size_t DynamicHead::bits() const {
    std::size_t sum = block_head_bits + counts_bits + 3 * precode_lengths_;
    for (std::size_t i = 0; i < count_; ++i) sum += precode_.lengths[items_[i].symbol] + std::size_t{items_[i].extra_bits};
    return sum;
}

void DynamicHead::write(bool last, StreamWriter& to) const {
    const auto counts = (literal_codes_ - first_length_symbol) | (distance_codes_ - 1) << 5 | (precode_lengths_ - 4) << 10;
    const std::uint32_t head = block_head(last, BlockType::dynamic) | static_cast<std::uint32_t>(counts) << block_head_bits;
    to.turn(0, head, block_head_bits + counts_bits);
    for (std::size_t i = 0; i < precode_lengths_; ++i) to.turn(i, precode_.lengths[precode_order[i]], 3);
    for (std::size_t i = 0; i < count_; ++i) {
        const auto [symbol, extra_bits, extra] = items_[i];
        const unsigned bits = precode_.lengths[symbol];
        to.turn(i % streams, precode_.codes[symbol] | static_cast<std::uint32_t>(extra) << bits, bits + extra_bits);
    }
}

void DynamicHead::make_items(std::span<const std::uint8_t> lengths) {
    for (std::size_t i = 0; i < lengths.size();) {
        const std::uint8_t length = lengths[i];
        std::size_t run = 1;
        while (i + run < lengths.size() && lengths[i + run] == length) ++run;
        i += run;
        if (length != 0) {
            add(length);
            --run;
        }
        while (run >= 3) run -= length != 0 ? add_run(16, 2, 3, run) : run <= 10 ? add_run(17, 3, 3, run) : add_run(18, 7, 11, run);
        for (; run > 0; --run) add(length);
    }
}

void DynamicHead::add(std::uint8_t symbol, unsigned extra_bits, std::size_t extra) {
    items_[count_++] = {symbol, static_cast<std::uint8_t>(extra_bits), static_cast<std::uint8_t>(extra)};
}

/// As much of a run as one symbol says; returns how much.
std::size_t DynamicHead::add_run(std::uint8_t symbol, unsigned extra_bits, std::size_t least, std::size_t run) {
    const std::size_t taken = std::min(run, least + (std::size_t{1} << extra_bits) - 1);
    add(symbol, extra_bits, taken - least);
    return taken;
}

}  // namespace plumb::kernels::codec::gdeflate
