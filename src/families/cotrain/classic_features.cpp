// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/classic_features.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>
#include <vector>

namespace plumb::families::cotrain {

namespace {

using kernels::image::Size;

constexpr std::size_t uniform_bins = 59;
constexpr std::size_t orientations = 9;
constexpr std::size_t cells = 4;

struct Grey {
    Size size;
    std::vector<int> values;
    int at(std::int64_t x, std::int64_t y) const { return values[static_cast<std::size_t>(y * size.width + x)]; }
};

/// Luma of ITU-R BT.601 in 1/256.
Grey grey_of(std::span<const std::uint8_t> rgb, Size size) {
    Grey grey{size, std::vector<int>(rgb.size() / 3)};
    for (std::size_t i = 0; i < grey.values.size(); ++i)
        grey.values[i] = (77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2]) >> 8;
    return grey;
}

/// Counts become square roots of shares, whose squares sum to 1.
void to_roots(std::span<double> counts) {
    double sum = 0;
    for (const double count : counts) sum += count;
    for (double& count : counts) count = sum > 0 ? std::sqrt(count / sum) : 0;
}

void colour(std::span<const std::uint8_t> rgb, std::span<double> out) {
    for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
        const std::size_t bin = (rgb[i] >> 6U) * 16U + (rgb[i + 1] >> 6U) * 4U + (rgb[i + 2] >> 6U);
        out[bin] += 1;
    }
    to_roots(out);
}

/// A pattern is uniform where its circle of bits changes at most twice; those have bins of their own, the others share the last.
std::array<std::uint8_t, 256> uniform_numbers() {
    std::array<std::uint8_t, 256> numbers{};
    std::uint8_t next = 0;
    for (unsigned pattern = 0; pattern < 256; ++pattern) {
        const auto turned = std::rotr(static_cast<std::uint8_t>(pattern), 1);
        const int changes = std::popcount(static_cast<std::uint8_t>(pattern ^ turned));
        numbers[pattern] = changes <= 2 ? next++ : static_cast<std::uint8_t>(uniform_bins - 1);
    }
    return numbers;
}

void texture(const Grey& grey, std::int64_t distance, std::span<double> out) {
    static const std::array<std::uint8_t, 256> numbers = uniform_numbers();
    constexpr std::array<std::array<int, 2>, 8> around = {{{-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}}};
    for (std::int64_t y = distance; y < grey.size.height - distance; ++y) {
        for (std::int64_t x = distance; x < grey.size.width - distance; ++x) {
            const int centre = grey.at(x, y);
            unsigned pattern = 0;
            for (unsigned i = 0; i < 8; ++i)
                pattern |= static_cast<unsigned>(grey.at(x + around[i][0] * distance, y + around[i][1] * distance) >= centre) << i;
            out[numbers[pattern]] += 1;
        }
    }
    to_roots(out);
}

/// Orientations without sign: the middles of nine bins over half a turn; a gradient is shared between its two nearest.
void shape(const Grey& grey, std::span<double> out) {
    for (std::int64_t y = 1; y + 1 < grey.size.height; ++y) {
        for (std::int64_t x = 1; x + 1 < grey.size.width; ++x) {
            const double across = grey.at(x + 1, y) - grey.at(x - 1, y), down = grey.at(x, y + 1) - grey.at(x, y - 1);
            const double magnitude = std::sqrt(across * across + down * down);
            if (magnitude == 0) continue;
            double turn = std::atan2(down, across) / std::numbers::pi;
            if (turn < 0) turn += 1;
            const double place = turn * orientations - 0.5, below = std::floor(place);
            const auto bin = static_cast<std::size_t>(static_cast<int>(below) + static_cast<int>(orientations)) % orientations;
            const auto row = static_cast<std::size_t>(y) * cells / static_cast<std::size_t>(grey.size.height);
            const auto column = static_cast<std::size_t>(x) * cells / static_cast<std::size_t>(grey.size.width);
            const std::span<double> cell = out.subspan((row * cells + column) * orientations, orientations);
            cell[bin] += magnitude * (1 - (place - below));
            cell[(bin + 1) % orientations] += magnitude * (place - below);
        }
    }
    double squares = 0;
    for (const double value : out) squares += value * value;
    for (double& value : out) value = squares > 0 ? value / std::sqrt(squares) : 0;
}

}  // namespace

void classic_features(std::span<const std::uint8_t> rgb, Size size, std::span<double> out) {
    std::ranges::fill(out, 0.0);
    const Grey grey = grey_of(rgb, size);
    colour(rgb, out.first(colour_columns));
    texture(grey, 1, out.subspan(colour_columns, uniform_bins));
    texture(grey, 2, out.subspan(colour_columns + uniform_bins, uniform_bins));
    shape(grey, out.subspan(colour_columns + texture_columns, shape_columns));
}

}  // namespace plumb::families::cotrain
