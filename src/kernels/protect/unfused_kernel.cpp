// SPDX-License-Identifier: Apache-2.0
// Products by the register block of kernels/attention/product-inl.h, exponentials by that of softmax-inl.h. A strip of keys or values stays
// in the nearest cache while all rows of a call go by.
#include "kernels/protect/unfused_kernel.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/protect/unfused_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/attention/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace simd = plumb::kernels::attention::HWY_NAMESPACE;

using simd::Floats;
using simd::lanes;
using simd::Vector;

std::int64_t vectors_of(std::int64_t count) {
    return (count + lanes - 1) / lanes;
}

// Strips ------------------------------------------------------------------------------------------------------------------------------

void pack_keys(const float* k_MD, std::int64_t keys, std::int64_t head_dim, float* packed) {
    simd::in_pieces<simd::score_vectors>(vectors_of(keys), [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(piece)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        float* strip = packed + first * head_dim;
        for (std::int64_t i = 0; i < width; ++i) {
            const bool there = first + i < keys;
            for (std::int64_t d = 0; d < head_dim; ++d) strip[d * width + i] = there ? k_MD[(first + i) * head_dim + d] : 0.0F;
        }
    });
}

/// Of number [row][column] in strips that are cut into pieces of `Most` vectors.
template <int Most>
std::int64_t place_in_strips(std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
    std::int64_t place = 0;
    simd::in_pieces<Most>(vectors_of(columns), [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(piece)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        if (first <= column && column < first + width) place = first * rows + row * width + column - first;
    });
    return place;
}

std::int64_t key_place(std::int64_t key, std::int64_t column, std::int64_t keys, std::int64_t head_dim) {
    return place_in_strips<simd::score_vectors>(column, key, head_dim, keys);
}

std::int64_t value_place(std::int64_t key, std::int64_t column, std::int64_t keys, std::int64_t value_dim) {
    return place_in_strips<simd::output_vectors>(key, column, keys, value_dim);
}

// Products ----------------------------------------------------------------------------------------------------------------------------

void scores(const float* q_ND, std::int64_t rows, const float* packed_keys, std::int64_t keys, std::int64_t head_dim, float* score_NM,
            std::int64_t stride) {
    const Floats d;
    simd::in_pieces<simd::score_vectors>(vectors_of(keys), [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(piece)::value;
        const std::int64_t first = first_vector * lanes;
        const float* strip = packed_keys + first * head_dim;
        simd::in_pieces<simd::score_rows>(rows, [&](auto block, std::int64_t n) HWY_ATTR {
            constexpr int Rows = decltype(block)::value;
            const auto sum = simd::multiply<Rows, Vectors>(q_ND + n * head_dim, head_dim, 1, strip, Vectors * lanes, head_dim);
            for (int r = 0; r < Rows; ++r) {
                float* row = score_NM + (n + r) * stride + first;
                for (int v = 0; v < Vectors; ++v) hn::StoreU(sum.at[r][v], d, row + v * lanes);
            }
        });
    });
}

void outputs(const float* p_NM, std::int64_t rows, std::int64_t stride, const float* packed_values, std::int64_t keys, std::int64_t first,
             std::int64_t count, std::int64_t value_dim, float* out_NP) {
    const Floats d;
    const std::int64_t padded = vectors_of(value_dim) * lanes;
    simd::in_pieces<simd::output_vectors>(vectors_of(value_dim), [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr int Vectors = decltype(piece)::value;
        constexpr std::int64_t width = Vectors * lanes;
        const std::int64_t e = first_vector * lanes;
        const float* strip = packed_values + e * keys + first * width;
        simd::in_pieces<simd::output_rows>(rows, [&](auto block, std::int64_t n) HWY_ATTR {
            constexpr int Rows = decltype(block)::value;
            const auto sum = simd::multiply<Rows, Vectors>(p_NM + n * stride + first, stride, 1, strip, width, count);
            for (int r = 0; r < Rows; ++r) {
                float* row = out_NP + (n + r) * padded + e;
                for (int v = 0; v < Vectors; ++v) {
                    const Vector total = first == 0 ? sum.at[r][v] : hn::Add(hn::LoadU(d, row + v * lanes), sum.at[r][v]);
                    hn::StoreU(total, d, row + v * lanes);
                }
            }
        });
    });
}

// Softmax -----------------------------------------------------------------------------------------------------------------------------

float maximum(const float* numbers, std::int64_t count) {
    const Floats d;
    Vector most[4];
    for (Vector& lane : most) lane = hn::Set(d, -std::numeric_limits<float>::infinity());
    std::int64_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
        for (int v = 0; v < 4; ++v) most[v] = hn::Max(most[v], hn::LoadU(d, numbers + i + v * lanes));
    }
    for (; i + lanes <= count; i += lanes) most[0] = hn::Max(most[0], hn::LoadU(d, numbers + i));
    float found = hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(most[0], most[1]), hn::Max(most[2], most[3]))));
    for (; i < count; ++i) found = std::max(found, numbers[i]);
    return found;
}

/// The last count < lanes numbers as a vector.
Vector load_rest(const float* numbers, std::int64_t count, float fill) {
    float rest[lanes];
    for (std::int64_t i = 0; i < lanes; ++i) rest[i] = i < count ? numbers[i] : fill;
    return hn::LoadU(Floats(), rest);
}

/// visit(vector number, at, count of numbers) for whole vectors, then the rest.
template <class Visit>
HWY_INLINE void for_vectors(std::int64_t count, const Visit& visit) {
    std::int64_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
        visit(0, i, lanes);
        visit(1, i + lanes, lanes);
        visit(2, i + 2 * lanes, lanes);
        visit(3, i + 3 * lanes, lanes);
    }
    for (; i < count; i += lanes) visit(0, i, std::min(lanes, count - i));
}

float four_sums(const Vector* sums) {
    return hn::GetLane(hn::SumOfLanes(Floats(), hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

float exponentials(const float* scores, std::int64_t count, float maximum, float* p) {
    const Floats d;
    const simd::Exponential<true> power(std::numbers::log2e_v<float>);
    const Vector most = hn::Set(d, maximum);
    Vector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for_vectors(count, [&](int v, std::int64_t at, std::int64_t there) HWY_ATTR {
        if (there == lanes) {
            const Vector number = power(hn::Sub(hn::LoadU(d, scores + at), most));
            hn::StoreU(number, d, p + at);
            sums[v] = hn::Add(sums[v], number);
            return;
        }
        float rest[lanes];
        hn::StoreU(power(hn::Sub(load_rest(scores + at, there, 0), most)), d, rest);
        std::copy(rest, rest + there, p + at);
        sums[v] = hn::Add(sums[v], load_rest(p + at, there, 0));
    });
    return four_sums(sums);
}

float row_sum(const float* p, std::int64_t count) {
    const Floats d;
    Vector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for_vectors(count, [&](int v, std::int64_t at, std::int64_t there)
                           HWY_ATTR { sums[v] = hn::Add(sums[v], there == lanes ? hn::LoadU(d, p + at) : load_rest(p + at, there, 0)); });
    return four_sums(sums);
}

void scale(float* numbers, std::int64_t count, float factor) {
    const Floats d;
    const Vector by = hn::Set(d, factor);
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, numbers + i), by), d, numbers + i);
    for (; i < count; ++i) numbers[i] *= factor;
}

// Sums of checks ----------------------------------------------------------------------------------------------------------------------

/// term(at, count of numbers) as a vector, zeros past the count; chunks of check_chunk terms a lane in fp32, their sums in fp64.
template <class Term>
HWY_INLINE double chunked(std::int64_t count, const Term& term) {
    const Floats d;
    double total = 0;
    for (std::int64_t first = 0; first < count; first += check_chunk * lanes) {
        const std::int64_t end = std::min(first + check_chunk * lanes, count);
        Vector chunk = hn::Zero(d);
        std::int64_t i = first;
        for (; i + lanes <= end; i += lanes) chunk = term(chunk, i, lanes);
        if (i < end) chunk = term(chunk, i, end - i);
        float lane[lanes];
        hn::StoreU(chunk, d, lane);
        for (const float number : lane) total += static_cast<double>(number);
    }
    return total;
}

HWY_INLINE Vector load_some(const float* numbers, std::int64_t there) {
    return there == lanes ? hn::LoadU(Floats(), numbers) : load_rest(numbers, there, 0);
}

double sum(const float* numbers, std::int64_t count) {
    return chunked(
        count, [&](Vector chunk, std::int64_t at, std::int64_t there) HWY_ATTR { return hn::Add(chunk, load_some(numbers + at, there)); });
}

double magnitude(const float* numbers, std::int64_t count) {
    return chunked(count, [&](Vector chunk, std::int64_t at, std::int64_t there)
                              HWY_ATTR { return hn::Add(chunk, hn::Abs(load_some(numbers + at, there))); });
}

double dot(const float* a, const float* b, std::int64_t count) {
    return chunked(count, [&](Vector chunk, std::int64_t at, std::int64_t there)
                              HWY_ATTR { return hn::MulAdd(load_some(a + at, there), load_some(b + at, there), chunk); });
}

float largest(const float* numbers, std::int64_t count) {
    const Floats d;
    Vector most = hn::Zero(d);
    Vector poison = hn::Zero(d);  // 0 x NaN and 0 x inf are NaN, and NaN stays
    for_vectors(count, [&](int, std::int64_t at, std::int64_t there) HWY_ATTR {
        const Vector number = load_some(numbers + at, there);
        most = hn::Max(most, hn::Abs(number));
        poison = hn::MulAdd(number, hn::Zero(d), poison);
    });
    return hn::GetLane(hn::MaxOfLanes(d, most)) + hn::GetLane(hn::SumOfLanes(d, poison));
}

template <bool magnitudes>
void add_columns(const float* numbers, std::int64_t stride, std::int64_t rows, std::int64_t columns, double* sums) {
    const Floats d;
    for (std::int64_t first = 0; first < rows; first += check_chunk) {
        const std::int64_t end = std::min(first + check_chunk, rows);
        for (std::int64_t c = 0; c < columns; c += lanes) {
            const std::int64_t there = std::min(lanes, columns - c);
            Vector chunk = hn::Zero(d);
            for (std::int64_t r = first; r < end; ++r) {
                const Vector number = load_some(numbers + r * stride + c, there);
                chunk = hn::Add(chunk, magnitudes ? hn::Abs(number) : number);
            }
            float lane[lanes];
            hn::StoreU(chunk, d, lane);
            for (std::int64_t i = 0; i < there; ++i) sums[c + i] += static_cast<double>(lane[i]);
        }
    }
}

using Doubles = hn::ScalableTag<double>;
using HalfFloats = hn::Rebind<float, Doubles>;
inline constexpr std::int64_t wide_lanes = static_cast<std::int64_t>(hn::MaxLanes(Doubles()));

template <bool magnitudes>
HWY_INLINE hn::Vec<Doubles> load_wide(const float* numbers) {
    const auto wide = hn::PromoteTo(Doubles(), hn::LoadU(HalfFloats(), numbers));
    return magnitudes ? hn::Abs(wide) : wide;
}

template <bool magnitudes>
void dots_with_keys(const float* packed_keys, std::int64_t keys, std::int64_t head_dim, const double* w_D, double* dots_M) {
    const Doubles d;
    simd::in_pieces<simd::score_vectors>(vectors_of(keys), [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(piece)::value * lanes;
        constexpr int Vectors = static_cast<int>(width / wide_lanes);
        const std::int64_t first = first_vector * lanes;
        const float* strip = packed_keys + first * head_dim;
        double found[width];
        for (int v = 0; v < Vectors; ++v) {
            auto total = hn::Zero(d);
            for (std::int64_t c = 0; c < head_dim; ++c)
                total = hn::MulAdd(hn::Set(d, w_D[c]), load_wide<magnitudes>(strip + c * width + v * wide_lanes), total);
            hn::StoreU(total, d, found + v * wide_lanes);
        }
        std::copy(found, found + std::min(width, keys - first), dots_M + first);
    });
}

template <bool magnitudes>
double dot_with_weights(const float* q_D, const double* w_D, std::int64_t head_dim) {
    const Doubles d;
    auto total = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + wide_lanes <= head_dim; i += wide_lanes) total = hn::MulAdd(load_wide<magnitudes>(q_D + i), hn::LoadU(d, w_D + i), total);
    double found = hn::GetLane(hn::SumOfLanes(d, total));
    for (; i < head_dim; ++i) {
        const double number = q_D[i];
        found += (magnitudes ? std::abs(number) : number) * w_D[i];
    }
    return found;
}

inline constexpr UnfusedKernel kernel = {.lanes = lanes,
                                         .pack_keys = pack_keys,
                                         .key_place = key_place,
                                         .value_place = value_place,
                                         .scores = scores,
                                         .outputs = outputs,
                                         .maximum = maximum,
                                         .exponentials = exponentials,
                                         .row_sum = row_sum,
                                         .scale = scale,
                                         .sum = sum,
                                         .dot = dot,
                                         .magnitude = magnitude,
                                         .largest = largest,
                                         .add_rows = add_columns<false>,
                                         .add_magnitudes = add_columns<true>,
                                         .key_dots = dots_with_keys<false>,
                                         .key_magnitude_dots = dots_with_keys<true>,
                                         .wide_dot = dot_with_weights<false>,
                                         .wide_magnitude_dot = dot_with_weights<true>};

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::kernels::protect {

const UnfusedKernel& unfused_kernel(Isa isa) {
    return *PLUMB_FOR_ISA(isa, kernel);
}

}  // namespace plumb::kernels::protect
#endif
