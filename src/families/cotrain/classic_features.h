// SPDX-License-Identifier: Apache-2.0
// Numbers that describe a photograph without a network: colours, texture, shapes. Three blocks, each a histogram of length about 1, so that
// none drowns the others; their principal components are what learners read (components.h).
//   colour   4 x 4 x 4 bins of red, green and blue; square roots of shares
//   texture  uniform local binary patterns of 8 neighbours at distances 1 and 2, 59 bins each; square roots of shares (Ojala, Pietikainen,
//            Maenpaa, PAMI 24, 2002)
//   shape    histograms of oriented gradients: 9 unsigned orientations in 4 x 4 cells, weighted by magnitude, shared between two bins
//            (Dalal, Triggs, CVPR 2005); one norm over all cells
#pragma once
#include <cstdint>
#include <span>

#include "kernels/image/image.h"

namespace plumb::families::cotrain {

inline constexpr std::size_t colour_columns = 64;
inline constexpr std::size_t texture_columns = 2 * 59;
inline constexpr std::size_t shape_columns = 4 * 4 * 9;
inline constexpr std::size_t classic_columns = colour_columns + texture_columns + shape_columns;

/// `rgb`: size.height x size.width x 3, at least 8 x 8. Writes all classic_columns numbers.
void classic_features(std::span<const std::uint8_t> rgb, kernels::image::Size size, std::span<double> out);

}  // namespace plumb::families::cotrain
