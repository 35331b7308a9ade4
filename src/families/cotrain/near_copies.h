// SPDX-License-Identifier: Apache-2.0
// Images that look alike: frames of one camera minutes apart, one object taken twice. A random split puts them on both sides and measures
// memory. The hash is 64 bits: which of two neighbours is brighter, on the image shrunk to 9 x 8 greys.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "families/cotrain/split.h"
#include "kernels/image/image.h"

namespace plumb::families::cotrain {

/// Bits by which near copies differ at most. Of 64 random bits two share all but four once in 27 million pairs.
constexpr int near_bits = 4;

std::uint64_t perceptual_hash(std::span<const std::uint8_t> rgb, kernels::image::Size size);
/// The same number for samples that a chain of near copies joins, in either view; numbers from 0 in order of their first sample.
std::vector<std::int32_t> near_groups(std::span<const std::uint64_t> view0, std::span<const std::uint64_t> view1);
/// Samples that validate or test and have a near copy, in either view, among those that train.
std::int64_t copies_across(const TwoViews& data, const Split& split);

}  // namespace plumb::families::cotrain
