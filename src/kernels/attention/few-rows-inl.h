// SPDX-License-Identifier: Apache-2.0
// What accumulate_few() is made of: where a group of keys or values is read from, dot products of keys with a query, sums of weighted
// values. Rows that are used once are read in place, byte after byte; see few-inl.h for why. Included once per instruction set.
#if defined(PLUMB_ATTENTION_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_ATTENTION_FEW_ROWS_INL_H_
#undef PLUMB_ATTENTION_FEW_ROWS_INL_H_
#else
#define PLUMB_ATTENTION_FEW_ROWS_INL_H_
#endif

#include <algorithm>

#include "kernels/attention/convert-inl.h"
#include "kernels/attention/scale-inl.h"
#include "kernels/attention/tile.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::attention::HWY_NAMESPACE {

/// Vectors of sums that one row may keep in registers.
inline constexpr int most_sums = 8;

inline std::int64_t padded(std::int64_t count) {
    return (count + lanes - 1) / lanes * lanes;
}

/// What the steps below share.
struct FewRows {
    const Tile* tile = nullptr;
    const TileScratch* scratch = nullptr;
    RowState state;
    std::int64_t head_columns = 0;   ///< D in whole vectors
    std::int64_t value_columns = 0;  ///< E in whole vectors
    bool biased = false;
    bool marked = false;
    float exponent_scale = 1;
    float bias_scale = 1;

    std::int64_t rows() const { return tile->row_count; }
    const float* query(std::int64_t t) const { return scratch->query_DT + t * head_columns; }
    float* scores(std::int64_t t) const { return scratch->score_JT + t * block_keys; }
    float* block_sums(std::int64_t t) const { return scratch->block_TP + t * value_columns; }
};

/// Rows of keys or values of a block: where they are, or widened and padded with zeros.
template <base::Dtype dtype>
struct Source {
    const void* numbers;
    std::int64_t row;

    HWY_INLINE Vector load(std::int64_t r, std::int64_t column) const {
        const std::int64_t at = r * row + column;
#if HWY_TARGET == HWY_SCALAR
        return hn::Set(Floats(), base::load(dtype, numbers, at));
#else
        if constexpr (dtype == base::Dtype::fp32) return hn::LoadU(Floats(), static_cast<const float*>(numbers) + at);
        return widen_vector(dtype, static_cast<const std::uint16_t*>(numbers) + at);
#endif
    }
};

/// Calls body(source) for `count` rows of `columns` numbers: in place where they are used once and fill vectors, else from a copy that
/// stays in the nearest cache and may be read in any order.
template <base::Dtype dtype, class Body>
HWY_INLINE void with_source(const FewRows& few, const void* numbers, std::int64_t row, std::int64_t count, std::int64_t columns,
                            const Body& body) {
    const bool in_place = columns % lanes == 0 && few.rows() == 1;
    if (in_place) {
        body(Source<dtype>{numbers, row});
        return;
    }
    const std::int64_t width = padded(columns);
    float* wide = few.scratch->wide_JC;
    for (std::int64_t r = 0; r < count; ++r) {
        widen(dtype, base::advance(dtype, numbers, r * row), columns, wide + r * width);
        std::fill(wide + r * width + columns, wide + (r + 1) * width, 0.0F);
    }
    body(Source<base::Dtype::fp32>{wide, width});
}

/// Row i of the source, from its beginning to its end, with a query; four sums, so that additions do not wait for each other.
template <class From>
HWY_INLINE float dot_product(const From& source, std::int64_t i, const float* query, std::int64_t columns) {
    const Floats d;
    Vector sum0 = hn::Zero(d);
    Vector sum1 = sum0;
    Vector sum2 = sum0;
    Vector sum3 = sum0;
    std::int64_t c = 0;
    for (; c + 4 * lanes <= columns; c += 4 * lanes) {
        sum0 = hn::MulAdd(hn::LoadU(d, query + c), source.load(i, c), sum0);
        sum1 = hn::MulAdd(hn::LoadU(d, query + c + lanes), source.load(i, c + lanes), sum1);
        sum2 = hn::MulAdd(hn::LoadU(d, query + c + 2 * lanes), source.load(i, c + 2 * lanes), sum2);
        sum3 = hn::MulAdd(hn::LoadU(d, query + c + 3 * lanes), source.load(i, c + 3 * lanes), sum3);
    }
    for (; c < columns; c += lanes) sum0 = hn::MulAdd(hn::LoadU(d, query + c), source.load(i, c), sum0);
    return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

/// The first `Keys` rows of the source, side by side, with a query.
template <int Keys, class From>
HWY_INLINE void dot_products(const From& source, const float* query, std::int64_t columns, float* HWY_RESTRICT products) {
    const Floats d;
    Vector sum[Keys];
#pragma GCC unroll 8
    for (int i = 0; i < Keys; ++i) sum[i] = hn::Zero(d);
    for (std::int64_t c = 0; c < columns; c += lanes) {
        const Vector q = hn::LoadU(d, query + c);
#pragma GCC unroll 8
        for (int i = 0; i < Keys; ++i) sum[i] = hn::MulAdd(q, source.load(i, c), sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Keys; ++i) products[i] = hn::GetLane(hn::SumOfLanes(d, sum[i]));
}

/// Adds probability x value of the key that is row i of the source, and j-th of the block, to the block's sums of row t.
template <class From>
HWY_INLINE void weigh_key(const FewRows& few, const From& source, std::int64_t i, std::int64_t t, std::int64_t j) {
    const Floats d;
    const Vector probability = hn::Set(d, few.scores(t)[j]);
    float* sums = few.block_sums(t);
    for (std::int64_t c = 0; c < few.value_columns; c += lanes)
        hn::StoreU(hn::MulAdd(probability, source.load(i, c), hn::LoadU(d, sums + c)), d, sums + c);
}

/// The same for `Keys` keys one after the other, where all sums of the row fit into registers.
template <int Keys, class From>
HWY_INLINE void weigh_in_registers(const FewRows& few, const From& source, std::int64_t t, std::int64_t j) {
    const Floats d;
    float* sums = few.block_sums(t);
    Vector sum[most_sums];
#pragma GCC unroll 8
    for (int v = 0; v < most_sums; ++v) sum[v] = hn::LoadU(d, sums + v * lanes);
    for (int i = 0; i < Keys; ++i) {
        const Vector probability = hn::Set(d, few.scores(t)[j + i]);
#pragma GCC unroll 8
        for (int v = 0; v < most_sums; ++v) sum[v] = hn::MulAdd(probability, source.load(i, v * lanes), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < most_sums; ++v) hn::StoreU(sum[v], d, sums + v * lanes);
}

/// The same for `Keys` keys side by side.
template <int Keys, class From>
HWY_INLINE void weigh_keys(const FewRows& few, const From& source, std::int64_t t, std::int64_t j) {
    const Floats d;
    Vector probability[Keys];
#pragma GCC unroll 8
    for (int i = 0; i < Keys; ++i) probability[i] = hn::Set(d, few.scores(t)[j + i]);
    float* sums = few.block_sums(t);
    for (std::int64_t c = 0; c < few.value_columns; c += lanes) {
        Vector sum = hn::LoadU(d, sums + c);
#pragma GCC unroll 8
        for (int i = 0; i < Keys; ++i) sum = hn::MulAdd(probability[i], source.load(i, c), sum);
        hn::StoreU(sum, d, sums + c);
    }
}

}  // namespace plumb::kernels::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
