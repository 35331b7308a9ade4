// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/image/passes.h"

namespace plumb::kernels::image {

namespace {

double triangle(double distance) {
    return std::max(0.0, 1.0 - std::abs(distance));
}

/// Where pixel (x, y) of the whole input stands in an image that holds a region of it.
const std::uint8_t* pixel(const Image& source, const Region& held, std::int64_t x, std::int64_t y) {
    return source.row(y - held.top) + static_cast<std::size_t>(x - held.left) * channels;
}

}  // namespace

std::int64_t AxisWeights::end_input() const {
    if (keeps()) return from + static_cast<std::int64_t>(first.size());
    std::int64_t end = 0;
    for (std::size_t i = 0; i < first.size(); ++i) end = std::max<std::int64_t>(end, std::int64_t{first[i]} + taps[i]);
    return end;
}

AxisWeights bilinear_weights(std::int64_t in, std::int64_t out, std::int64_t from, std::int64_t outputs) {
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const double reach = std::max(scale, 1.0);  // of the triangle, to either side
    const double narrowing = 1.0 / reach;
    AxisWeights made{in, out, from, static_cast<std::size_t>(std::ceil(reach)) * 2 + 1, {}, {}, {}};
    made.weights.assign(static_cast<std::size_t>(outputs) * made.stride, 0);
    std::vector<double> shares(made.stride);
    for (std::int64_t i = 0; i < outputs; ++i) {
        const double centre = (static_cast<double>(from + i) + 0.5) * scale;
        // Conversion to integers cuts towards zero, also below zero: as in Pillow, whose pixels this must give.
        const std::int64_t first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - reach + 0.5));
        const std::int64_t end = std::min(in, static_cast<std::int64_t>(centre + reach + 0.5));
        double sum = 0;
        for (std::int64_t j = first; j < end; ++j) {
            const double share = triangle((static_cast<double>(j) - centre + 0.5) * narrowing);
            shares[static_cast<std::size_t>(j - first)] = share;
            sum += share;
        }
        for (std::int64_t j = 0; j < end - first; ++j) {
            const double share = shares[static_cast<std::size_t>(j)] / sum;
            made.weights[static_cast<std::size_t>(i) * made.stride + static_cast<std::size_t>(j)] =
                static_cast<std::int32_t>(share * (1 << weight_bits) + 0.5);
        }
        made.first.push_back(static_cast<std::int32_t>(first));
        made.taps.push_back(static_cast<std::int32_t>(end - first));
    }
    return made;
}

Resize::Resize(Size in, Size out, Region region)
    : region_(region),
      down_first_(in.height - out.height > std::max<std::int64_t>(0, 2 * (in.width - out.width))),
      across_(bilinear_weights(in.width, out.width, region.left, region.width)),
      down_(bilinear_weights(in.height, out.height, region.top, region.height)) {}

Region Resize::source() const {
    return {across_.first_input(), down_.first_input(), across_.end_input() - across_.first_input(),
            down_.end_input() - down_.first_input()};
}

void Resize::run(const Image& source, const Region& held, ResizeMemory& memory, Image& out) const {
    const Region needed = this->source();
    out.reshape({region_.width, region_.height});
    Rows rows{pixel(source, held, needed.left, needed.top), source.row_bytes(), static_cast<std::size_t>(needed.height)};
    // Where the next pass writes: between the two, or the result.
    const auto room = [&](std::size_t count, std::size_t row_bytes, bool is_last) {
        if (!is_last) memory.between.resize(count * row_bytes);
        return is_last ? out.pixels.data() : memory.between.data();
    };
    const auto pass_across = [&](bool is_last) {
        std::uint8_t* sums = room(rows.count, out.row_bytes(), is_last);
        sum_across(across_, rows, memory, sums, out.row_bytes());
        rows = {sums, out.row_bytes(), rows.count};
    };
    const auto pass_down = [&](bool is_last) {
        const std::size_t row_bytes = static_cast<std::size_t>(is_last ? region_.width : needed.width) * channels;
        const auto count = static_cast<std::size_t>(region_.height);
        std::uint8_t* sums = room(count, row_bytes, is_last);
        sum_down(down_, rows, row_bytes, sums);
        rows = {sums, row_bytes, count};
    };
    if (!across_.keeps() && !down_.keeps()) {
        down_first_ ? pass_down(false) : pass_across(false);
        down_first_ ? pass_across(true) : pass_down(true);
    } else if (!across_.keeps()) {
        pass_across(true);
    } else if (!down_.keeps()) {
        pass_down(true);
    } else {
        for (std::size_t y = 0; y < rows.count; ++y)
            std::memcpy(out.pixels.data() + y * out.row_bytes(), rows.first + y * rows.stride, out.row_bytes());
    }
}

Image resized(const Image& image, Size out) {
    ResizeMemory memory;
    Image made;
    Resize(image.size, out, {0, 0, out.width, out.height}).run(image, {0, 0, image.size.width, image.size.height}, memory, made);
    return made;
}

}  // namespace plumb::kernels::image
