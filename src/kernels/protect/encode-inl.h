// SPDX-License-Identifier: Apache-2.0
// Checksums of keys and values. Included once per instruction set.
#if defined(PLUMB_PROTECT_ENCODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_PROTECT_ENCODE_INL_H_
#undef PLUMB_PROTECT_ENCODE_INL_H_
#else
#define PLUMB_PROTECT_ENCODE_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "kernels/attention/pack-inl.h"
#include "kernels/protect/guarded_tile.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::protect::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace arithmetic = attention::HWY_NAMESPACE;

using arithmetic::Floats;
using arithmetic::lanes;
using arithmetic::Vector;

/// Rows whose sum is taken in fp32 before it goes into fp64.
inline constexpr std::int64_t rows_in_fp32 = 8;

/// Adds up `rows` rows of D numbers: every `rows_in_fp32` of them in fp32, those sums in fp64, rounded once at the end. So a sum is nearly
/// as near as one product, at half the cost of fp64 throughout. Magnitudes in fp32. Returns the largest magnitude of a number that is none
/// NaN.
inline float sum_rows(const float* rows_JD, std::int64_t row_stride, std::int64_t rows, std::int64_t columns, float* HWY_RESTRICT sums_D,
                      float* HWY_RESTRICT magnitudes_D) {
    std::int64_t c = 0;
    float largest = 0;
#if HWY_TARGET != HWY_SCALAR
    const Floats d;
    Vector largest_of_lane = hn::Zero(d);
    const hn::Half<Floats> half;
    const hn::Rebind<double, decltype(half)> wide;
    for (; c + lanes <= columns; c += lanes) {
        auto low = hn::Zero(wide);
        auto high = low;
        Vector magnitude = hn::Zero(d);
        for (std::int64_t first = 0; first < rows; first += rows_in_fp32) {
            const float* row = rows_JD + first * row_stride + c;
            Vector sum = hn::Zero(d);
            for (std::int64_t j = std::min(rows_in_fp32, rows - first); j > 0; --j, row += row_stride) {
                const Vector numbers = hn::LoadU(d, row);
                sum = hn::Add(sum, numbers);
                magnitude = hn::Add(magnitude, hn::Abs(numbers));
                largest_of_lane = hn::Max(hn::Abs(numbers), largest_of_lane);
            }
            low = hn::Add(low, hn::PromoteTo(wide, hn::LowerHalf(half, sum)));
            high = hn::Add(high, hn::PromoteTo(wide, hn::UpperHalf(half, sum)));
        }
        hn::StoreU(hn::DemoteTo(half, low), half, sums_D + c);
        hn::StoreU(hn::DemoteTo(half, high), half, sums_D + c + lanes / 2);
        hn::StoreU(magnitude, d, magnitudes_D + c);
    }
    largest = hn::GetLane(hn::MaxOfLanes(d, largest_of_lane));
#endif
    for (; c < columns; ++c) {
        double sum = 0;
        float magnitude = 0;
        for (std::int64_t j = 0; j < rows; ++j) {
            sum += rows_JD[j * row_stride + c];
            magnitude += std::abs(rows_JD[j * row_stride + c]);
            largest = std::max(largest, std::abs(rows_JD[j * row_stride + c]));
        }
        sums_D[c] = static_cast<float>(sum);
        magnitudes_D[c] = magnitude;
    }
    return largest;
}

inline void encode_keys(base::Dtype dtype, const void* source, const attention::Strides& strides, const std::int64_t* index,
                        std::int64_t keys, std::int64_t columns, std::int64_t block_keys, const GuardScratch& scratch, HeadSums& sums) {
    const bool in_place = dtype == base::Dtype::fp32 && strides.column == 1 && index == nullptr;
    std::fill(sums.key_magnitudes_D, sums.key_magnitudes_D + columns, 0.0F);
    sums.keys_finite = true;
    sums.key_bound = 0;
    for (std::int64_t first = 0; first < keys; first += block_keys) {
        const std::int64_t rows = std::min(block_keys, keys - first);
        const void* begin = index == nullptr ? base::advance(dtype, source, first * strides.row) : source;
        const float* block = static_cast<const float*>(begin);
        if (!in_place) {
            arithmetic::pack_keys(dtype, begin, strides, index == nullptr ? nullptr : index + first, rows, columns, scratch.key_JD);
            block = scratch.key_JD;
        }
        float* magnitudes = scratch.own_magnitudes_D;
        const float largest =
            sum_rows(block, in_place ? strides.row : columns, rows, columns, sums.key_sums_BD + first / block_keys * columns, magnitudes);
        sums.key_bound = std::max(sums.key_bound, largest);
        for (std::int64_t c = 0; c < columns; ++c) {
            sums.key_magnitudes_D[c] = std::max(sums.key_magnitudes_D[c], magnitudes[c]);
            sums.keys_finite = sums.keys_finite && std::isfinite(magnitudes[c]);
        }
    }
}

inline void encode_values(base::Dtype dtype, const void* source, const attention::Strides& strides, const std::int64_t* index,
                          std::int64_t keys, std::int64_t columns, const GuardScratch& scratch, HeadSums& sums) {
    const Floats d;
    const bool in_place = dtype == base::Dtype::fp32 && strides.column == 1;
    float bound = 0;
    bool finite = true;
    for (std::int64_t j = 0; j < keys; ++j) {
        const void* begin = base::advance(dtype, source, (index == nullptr ? j : index[j]) * strides.row);
        const float* row = static_cast<const float*>(begin);
        if (!in_place) {
            arithmetic::widen_row(dtype, begin, strides.column, columns, scratch.key_JD);
            row = scratch.key_JD;
        }
        Vector plain = hn::Zero(d);
        Vector mixed = plain;
        Vector magnitudes = plain;
        std::int64_t e = 0;
        for (; e + lanes <= columns; e += lanes) {
            const Vector numbers = hn::LoadU(d, row + e);
            plain = hn::Add(plain, numbers);
            mixed = hn::MulAdd(numbers, hn::LoadU(d, scratch.sign_P + e), mixed);
            magnitudes = hn::Add(magnitudes, hn::Abs(numbers));
        }
        float plain_sum = hn::GetLane(hn::SumOfLanes(d, plain));
        float mixed_sum = hn::GetLane(hn::SumOfLanes(d, mixed));
        float magnitude = hn::GetLane(hn::SumOfLanes(d, magnitudes));
        for (; e < columns; ++e) {
            plain_sum += row[e];
            mixed_sum += row[e] * column_sign(e);
            magnitude += std::abs(row[e]);
        }
        sums.value_sums_M[j] = plain_sum;
        sums.signed_sums_M[j] = mixed_sum;
        bound = std::max(bound, magnitude);
        finite = finite && std::isfinite(magnitude);
    }
    sums.values_finite = finite;
    sums.value_bound = bound;
}

inline std::int64_t packed_value(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
    std::int64_t place = -1;
    arithmetic::in_pieces<arithmetic::output_vectors>((columns + lanes - 1) / lanes, [&](auto piece, std::int64_t first_vector) {
        constexpr std::int64_t width = decltype(piece)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        if (column >= first && column < first + width) place = first * rows + row * width + column - first;
    });
    return place;
}

}  // namespace plumb::kernels::protect::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
