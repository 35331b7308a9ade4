// SPDX-License-Identifier: Apache-2.0
// Numbers that describe a photograph without a network: colours, texture, shapes. Blocks of histograms, as square roots of shares; their
// principal components, each block weighing the same, are what learners read (components.h).
//   colour    hue x saturation x value in 8 x 4 x 4 bins; hue in 24 bins, weighted by saturation; 16 bins of red, of green and of blue
//   texture   uniform local binary patterns of 8 neighbours, 59 bins, at distance 1; the same at distance 2 (Ojala, Pietikainen, Maenpaa,
//             PAMI 24, 2002)
//   contrast  size of the gradient, 32 bins of a third of an octave
//   shape     9 unsigned orientations of the gradient in 4 x 4 cells, weighted by its size, shared between two bins (Dalal, Triggs, CVPR
//             2005); here divided by their norm, not by their sum
#pragma once
#include <array>
#include <cstdint>
#include <numeric>
#include <span>

#include "kernels/image/image.h"

namespace plumb::families::cotrain {

enum class Block { joint_colour, hue, channels, texture_near, texture_far, contrast, shape };
/// Columns of the blocks in their order.
inline constexpr std::array<std::size_t, 7> block_columns = {8 * 4 * 4, 24, 3 * 16, 59, 59, 32, 4 * 4 * 9};
inline constexpr std::size_t classic_columns = std::accumulate(block_columns.begin(), block_columns.end(), std::size_t{0});
/// Where a block begins.
constexpr std::size_t begin_of(Block block) {
    return std::accumulate(block_columns.begin(), block_columns.begin() + static_cast<int>(block), std::size_t{0});
}

/// `rgb`: size.height x size.width x 3, at least 8 x 8. Writes all classic_columns numbers.
void classic_features(std::span<const std::uint8_t> rgb, kernels::image::Size size, std::span<double> out);

}  // namespace plumb::families::cotrain
