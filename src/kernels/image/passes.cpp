// SPDX-License-Identifier: Apache-2.0
#include "kernels/image/passes.h"

#include <algorithm>

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/image/passes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::image::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::size_t turned_rows = 16;
inline constexpr std::size_t turned_pixel = turned_rows * channels;
inline constexpr std::int32_t half = 1 << (weight_bits - 1);

struct Window {
    const std::int32_t* weights;
    std::size_t taps;
};

/// `vectors` vectors of 32-bit sums at a time, of bytes [0, bytes) less a rest; returns where the rest begins.
template <int vectors>
HWY_INLINE std::size_t sum_rows(const std::uint8_t* HWY_RESTRICT in, std::size_t stride, Window window, std::size_t from, std::size_t bytes,
                                std::uint8_t* HWY_RESTRICT out) {
    const hn::ScalableTag<std::int32_t> d;
    const hn::Rebind<std::uint8_t, decltype(d)> d_byte;
    using Vector = hn::Vec<decltype(d)>;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = from;
    for (; i + vectors * lanes <= bytes; i += vectors * lanes) {
        Vector sum[vectors];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[v] = hn::Set(d, half);
        const std::uint8_t* row = in + i;
        for (std::size_t k = 0; k < window.taps; ++k, row += stride) {
            const Vector weight = hn::Set(d, window.weights[k]);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) {
                const Vector values = hn::PromoteTo(d, hn::LoadU(d_byte, row + static_cast<std::size_t>(v) * lanes));
                sum[v] = hn::Add(sum[v], hn::Mul(values, weight));
            }
        }
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v)
            hn::StoreU(hn::DemoteTo(d_byte, hn::ShiftRight<weight_bits>(sum[v])), d_byte, out + i + static_cast<std::size_t>(v) * lanes);
    }
    return i;
}

/// The same byte by byte. Weights are not negative and sum to 2^22 within half a unit each: a sum never leaves 0 to 255.
inline void sum_bytes(const std::uint8_t* in, std::size_t stride, Window window, std::size_t from, std::size_t bytes, std::uint8_t* out) {
    for (std::size_t i = from; i < bytes; ++i) {
        std::int32_t sum = half;
        for (std::size_t k = 0; k < window.taps; ++k) sum += in[k * stride + i] * window.weights[k];
        out[i] = static_cast<std::uint8_t>(sum >> weight_bits);
    }
}

Window window_of(const AxisWeights& axis, std::size_t output) {
    return {axis.weights.data() + output * axis.stride, static_cast<std::size_t>(axis.taps[output])};
}

std::size_t place_of(const AxisWeights& axis, std::size_t output) {
    return static_cast<std::size_t>(axis.first[output] - axis.first_input());
}

void down(const AxisWeights& axis, const Rows& in, std::size_t row_bytes, std::uint8_t* out) {
    for (std::size_t y = 0; y < axis.first.size(); ++y, out += row_bytes) {
        const std::uint8_t* rows = in.first + place_of(axis, y) * in.stride;
        const Window window = window_of(axis, y);
        std::size_t done = sum_rows<4>(rows, in.stride, window, 0, row_bytes, out);
        done = sum_rows<1>(rows, in.stride, window, done, row_bytes, out);
        sum_bytes(rows, in.stride, window, done, row_bytes, out);
    }
}

#if HWY_TARGET == HWY_SCALAR

void across(const AxisWeights& axis, const Rows& in, ResizeMemory&, std::uint8_t* out, std::size_t out_stride) {
    for (std::size_t y = 0; y < in.count; ++y) {
        const std::uint8_t* row = in.first + y * in.stride;
        for (std::size_t x = 0; x < axis.first.size(); ++x)
            sum_bytes(row + place_of(axis, x) * channels, channels, window_of(axis, x), 0, channels, out + y * out_stride + x * channels);
    }
}

#else

/// out[c * out_stride + r] = in[r * in_stride + c], r and c below 16. Four times each vector is interleaved with the one eight further on.
HWY_INLINE void turn(const std::uint8_t* HWY_RESTRICT in, std::size_t in_stride, std::uint8_t* HWY_RESTRICT out, std::size_t out_stride) {
    const hn::Full128<std::uint8_t> d;
    using Vector = hn::Vec<decltype(d)>;
    Vector a[16], b[16];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < 16; ++r) a[r] = hn::LoadU(d, in + r * in_stride);
#pragma GCC unroll 2
    for (int twice = 0; twice < 2; ++twice) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            b[2 * i] = hn::InterleaveLower(d, a[i], a[i + 8]);
            b[2 * i + 1] = hn::InterleaveUpper(d, a[i], a[i + 8]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            a[2 * i] = hn::InterleaveLower(d, b[i], b[i + 8]);
            a[2 * i + 1] = hn::InterleaveUpper(d, b[i], b[i + 8]);
        }
    }
#pragma GCC unroll 16
    for (std::size_t c = 0; c < 16; ++c) hn::StoreU(a[c], d, out + c * out_stride);
}

/// Any number of rows up to 16 and of columns, by blocks where there are 16 of both.
void turn_rows(const std::uint8_t* in, std::size_t in_stride, std::size_t rows, std::size_t columns, std::uint8_t* out) {
    std::size_t c = 0;
    if (rows == turned_rows) {
        for (; c + 16 <= columns; c += 16) turn(in + c, in_stride, out + c * turned_rows, turned_rows);
    }
    for (; c < columns; ++c) {
        for (std::size_t r = 0; r < rows; ++r) out[c * turned_rows + r] = in[r * in_stride + c];
    }
}

void turn_back(const std::uint8_t* in, std::size_t rows, std::size_t columns, std::uint8_t* out, std::size_t out_stride) {
    std::size_t c = 0;
    if (rows == turned_rows) {
        for (; c + 16 <= columns; c += 16) turn(in + c * turned_rows, turned_rows, out + c, out_stride);
    }
    for (; c < columns; ++c) {
        for (std::size_t r = 0; r < rows; ++r) out[r * out_stride + c] = in[c * turned_rows + r];
    }
}

void across(const AxisWeights& axis, const Rows& in, ResizeMemory& memory, std::uint8_t* out, std::size_t out_stride) {
    constexpr std::size_t lanes = hn::MaxLanes(hn::ScalableTag<std::int32_t>());
    static_assert(turned_pixel % lanes == 0, "a turned pixel is whole vectors");
    const std::size_t in_columns = static_cast<std::size_t>(axis.end_input() - axis.first_input()) * channels;
    const std::size_t outputs = axis.first.size();
    memory.turned_in.resize(in_columns * turned_rows);
    memory.turned_out.resize(outputs * turned_pixel);
    for (std::size_t y = 0; y < in.count; y += turned_rows) {
        const std::size_t rows = std::min(turned_rows, in.count - y);
        turn_rows(in.first + y * in.stride, in.stride, rows, in_columns, memory.turned_in.data());
        for (std::size_t x = 0; x < outputs; ++x) {
            sum_rows<static_cast<int>(turned_pixel / lanes)>(memory.turned_in.data() + place_of(axis, x) * turned_pixel, turned_pixel,
                                                             window_of(axis, x), 0, turned_pixel,
                                                             memory.turned_out.data() + x * turned_pixel);
        }
        turn_back(memory.turned_out.data(), rows, outputs * channels, out + y * out_stride, out_stride);
    }
}

#endif

}  // namespace plumb::kernels::image::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace plumb::kernels::image {

void sum_across(const AxisWeights& weights, const Rows& in, ResizeMemory& memory, std::uint8_t* out, std::size_t out_stride) {
    const auto run = PLUMB_FOR_ISA(current_isa(), across);
    run(weights, in, memory, out, out_stride);
}

void sum_down(const AxisWeights& weights, const Rows& in, std::size_t row_bytes, std::uint8_t* out) {
    const auto run = PLUMB_FOR_ISA(current_isa(), down);
    run(weights, in, row_bytes, out);
}

}  // namespace plumb::kernels::image

#endif
