// SPDX-License-Identifier: Apache-2.0
// Keys and values in the shape that the products read fastest. Included once per instruction set.
#if defined(PLUMB_ATTENTION_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_PACK_INL_H_
#undef PLUMB_ATTENTION_PACK_INL_H_
#else
#define PLUMB_ATTENTION_PACK_INL_H_
#endif

#include <algorithm>

#include "kernels/attention/attention.h"
#include "kernels/attention/convert-inl.h"
#include "kernels/attention/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// One row of any type and stride as fp32.
inline void widen_row(base::Dtype dtype, const void* source, std::int64_t column, std::int64_t columns, float* HWY_RESTRICT wide) {
    if (column == 1) {
        widen(dtype, source, columns, wide);
    } else {
        for (std::int64_t c = 0; c < columns; ++c) wide[c] = base::load(dtype, source, c * column);
    }
}

inline void pack_keys(base::Dtype dtype, const void* source, const Strides& strides, const std::int64_t* index, std::int64_t rows,
                      std::int64_t columns, float* packed) {
    for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t row = index == nullptr ? r : index[r];
        widen_row(dtype, base::advance(dtype, source, row * strides.row), strides.column, columns, packed + r * columns);
    }
}

/// Strips are cut as weigh_block() cuts its columns.
inline void pack_values(base::Dtype dtype, const void* source, const Strides& strides, const std::int64_t* index, std::int64_t rows,
                        std::int64_t columns, float* packed) {
    const std::int64_t vectors = (columns + lanes - 1) / lanes;
    in_pieces<output_vectors>(vectors, [&](auto piece, std::int64_t first_vector) HWY_ATTR {
        constexpr std::int64_t width = decltype(piece)::value * lanes;
        const std::int64_t first = first_vector * lanes;
        const std::int64_t there = std::min(width, columns - first);
        float* target = packed + first * rows;
        for (std::int64_t r = 0; r < rows; ++r, target += width) {
            const std::int64_t row = index == nullptr ? r : index[r];
            widen_row(dtype, base::advance(dtype, source, row * strides.row + first * strides.column), strides.column, there, target);
            std::fill(target + there, target + width, 0.0F);
        }
    });
}

inline bool all_finite(const float* numbers, std::int64_t rows, std::int64_t row_stride, std::int64_t columns) {
    const Floats d;
    Vector products = hn::Zero(d);  // 0 x NaN and 0 x inf are NaN, and NaN stays
    bool tails = true;
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* row = numbers + r * row_stride;
        std::int64_t c = 0;
        for (; c + lanes <= columns; c += lanes) products = hn::MulAdd(hn::LoadU(d, row + c), hn::Zero(d), products);
        for (; c < columns; ++c) tails = tails && row[c] * 0.0F == 0.0F;
    }
    return tails && hn::AllTrue(d, hn::Eq(products, hn::Zero(d)));
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
