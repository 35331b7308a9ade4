// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/near_copies.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "kernels/image/resize.h"

namespace plumb::families::cotrain {

namespace {

constexpr kernels::image::Size small{9, 8};

bool is_near(std::uint64_t a, std::uint64_t b) {
    return std::popcount(a ^ b) <= near_bits;
}

/// Follows links to the first sample of a chain, and shortens them.
std::int32_t first_of(std::vector<std::int32_t>& link, std::int32_t sample) {
    while (link[sample] != sample) sample = link[sample] = link[link[sample]];
    return sample;
}

}  // namespace

std::uint64_t perceptual_hash(std::span<const std::uint8_t> rgb, kernels::image::Size size) {
    kernels::image::Image image{size, {rgb.begin(), rgb.end()}};
    const kernels::image::Image shrunk = kernels::image::resized(image, small);
    const auto brightness = [&](std::int64_t x, std::int64_t y) {
        const std::uint8_t* pixel = shrunk.row(y) + 3 * x;
        return 77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2];
    };
    std::uint64_t hash = 0;
    for (std::int64_t y = 0; y < small.height; ++y) {
        for (std::int64_t x = 0; x + 1 < small.width; ++x)
            hash = hash << 1U | static_cast<std::uint64_t>(brightness(x, y) < brightness(x + 1, y));
    }
    return hash;
}

std::vector<std::int32_t> near_groups(std::span<const std::uint64_t> view0, std::span<const std::uint64_t> view1) {
    std::vector<std::int32_t> link(view0.size());
    std::iota(link.begin(), link.end(), 0);
    for (std::size_t a = 0; a < view0.size(); ++a) {
        for (std::size_t b = a + 1; b < view0.size(); ++b) {
            if (!is_near(view0[a], view0[b]) && !is_near(view1[a], view1[b])) continue;
            const std::int32_t one = first_of(link, static_cast<std::int32_t>(a)), other = first_of(link, static_cast<std::int32_t>(b));
            link[std::max(one, other)] = std::min(one, other);
        }
    }
    std::vector<std::int32_t> groups(link.size()), numbers(link.size(), -1);
    std::int32_t next = 0;
    for (std::size_t sample = 0; sample < link.size(); ++sample) {
        std::int32_t& number = numbers[first_of(link, static_cast<std::int32_t>(sample))];
        if (number < 0) number = next++;
        groups[sample] = number;
    }
    return groups;
}

std::int64_t copies_across(const TwoViews& data, const Split& split) {
    std::vector<Sample> training = split.labelled, judging = split.validation;
    training.insert(training.end(), split.pool.begin(), split.pool.end());
    judging.insert(judging.end(), split.test.begin(), split.test.end());
    return std::ranges::count_if(judging, [&](Sample judge) {
        return std::ranges::any_of(training, [&](Sample other) {
            return is_near(data.hash[0][judge], data.hash[0][other]) || is_near(data.hash[1][judge], data.hash[1][other]);
        });
    });
}

}  // namespace plumb::families::cotrain
