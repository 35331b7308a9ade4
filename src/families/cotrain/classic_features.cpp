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

std::span<double> block_of(std::span<double> all, Block block) {
    return all.subspan(begin_of(block), block_columns[static_cast<std::size_t>(block)]);
}

/// Counts become square roots of shares, whose squares sum to 1.
void to_roots(std::span<double> counts) {
    double sum = 0;
    for (const double count : counts) sum += count;
    for (double& count : counts) count = sum > 0 ? std::sqrt(count / sum) : 0;
}

struct Hsv {
    int hue, saturation, value;  ///< hue 0 to 1535, six sixths of 256; the others 0 to 255
};
Hsv hsv_of(int red, int green, int blue) {
    const int most = std::max({red, green, blue}), least = std::min({red, green, blue}), spread = most - least;
    if (spread == 0) return {0, 0, most};
    const auto part = [&](int difference) { return difference * 256 / spread; };
    int hue = most == red ? part(green - blue) : most == green ? 512 + part(blue - red) : 1024 + part(red - green);
    if (hue < 0) hue += 1536;
    return {std::min(hue, 1535), spread * 255 / most, most};
}

void colours(std::span<const std::uint8_t> rgb, std::span<double> out) {
    const std::span<double> joint = block_of(out, Block::joint_colour), hue = block_of(out, Block::hue);
    const std::span<double> channels = block_of(out, Block::channels);
    for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
        const Hsv hsv = hsv_of(rgb[i], rgb[i + 1], rgb[i + 2]);
        joint[static_cast<std::size_t>((hsv.hue / 192 * 4 + hsv.saturation / 64) * 4 + hsv.value / 64)] += 1;
        hue[static_cast<std::size_t>(hsv.hue / 64)] += hsv.saturation;
        for (std::size_t c = 0; c < 3; ++c) channels[16 * c + rgb[i + c] / 16U] += 1;
    }
    for (const std::span<double> block : {joint, hue, channels}) to_roots(block);
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
void gradients(const Grey& grey, std::span<double> contrast, std::span<double> shape) {
    for (std::int64_t y = 1; y + 1 < grey.size.height; ++y) {
        for (std::int64_t x = 1; x + 1 < grey.size.width; ++x) {
            const double across = grey.at(x + 1, y) - grey.at(x - 1, y), down = grey.at(x, y + 1) - grey.at(x, y - 1);
            const double magnitude = std::sqrt(across * across + down * down);
            contrast[std::min(contrast.size() - 1, static_cast<std::size_t>(3 * std::log2(1 + magnitude)))] += 1;
            if (magnitude == 0) continue;
            double turn = std::atan2(down, across) / std::numbers::pi;
            if (turn < 0) turn += 1;
            const double place = turn * orientations - 0.5, below = std::floor(place);
            const auto bin = static_cast<std::size_t>(static_cast<int>(below) + static_cast<int>(orientations)) % orientations;
            const auto row = static_cast<std::size_t>(y) * cells / static_cast<std::size_t>(grey.size.height);
            const auto column = static_cast<std::size_t>(x) * cells / static_cast<std::size_t>(grey.size.width);
            const std::span<double> cell = shape.subspan((row * cells + column) * orientations, orientations);
            cell[bin] += magnitude * (1 - (place - below));
            cell[(bin + 1) % orientations] += magnitude * (place - below);
        }
    }
    to_roots(contrast);
    double squares = 0;
    for (const double value : shape) squares += value * value;
    for (double& value : shape) value = squares > 0 ? value / std::sqrt(squares) : 0;
}

}  // namespace

void classic_features(std::span<const std::uint8_t> rgb, Size size, std::span<double> out) {
    std::ranges::fill(out, 0.0);
    const Grey grey = grey_of(rgb, size);
    colours(rgb, out);
    texture(grey, 1, block_of(out, Block::texture_near));
    texture(grey, 2, block_of(out, Block::texture_far));
    gradients(grey, block_of(out, Block::contrast), block_of(out, Block::shape));
}

}  // namespace plumb::families::cotrain
