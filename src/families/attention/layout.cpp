// SPDX-License-Identifier: Apache-2.0
#include "families/attention/layout.h"

namespace plumb::families::attention {

namespace ka = kernels::attention;

ka::Strides Sizes::strides(ka::Layout layout) const {
    return layout == ka::Layout::bnhd ? ka::strides_bnhd(rows, heads, columns) : ka::strides_bhnd(rows, heads, columns);
}

std::vector<std::int64_t> Sizes::axes(ka::Layout layout) const {
    if (layout == ka::Layout::bnhd) return {batch, rows, heads, columns};
    return {batch, heads, rows, columns};
}

Sizes sizes_of_queries(const ka::Shape& s) {
    return {s.batch, s.queries, s.heads, s.head_dim};
}
Sizes sizes_of_keys(const ka::Shape& s) {
    return {s.batch, s.keys, s.kv_heads(), s.head_dim};
}
Sizes sizes_of_values(const ka::Shape& s) {
    return {s.batch, s.keys, s.kv_heads(), s.value_dim};
}
Sizes sizes_of_output(const ka::Shape& s) {
    return {s.batch, s.queries, s.heads, s.value_dim};
}

std::vector<float> gathered(const Sizes& sizes, base::Dtype dtype, const void* numbers, const ka::Strides& from, ka::Layout layout) {
    std::vector<float> result(sizes.count());
    const ka::Strides to = sizes.strides(layout);
    for (std::int64_t b = 0; b < sizes.batch; ++b) {
        for (std::int64_t row = 0; row < sizes.rows; ++row) {
            for (std::int64_t h = 0; h < sizes.heads; ++h) {
                const std::int64_t source = b * from.batch + row * from.row + h * from.head;
                float* target = result.data() + b * to.batch + row * to.row + h * to.head;
                for (std::int64_t c = 0; c < sizes.columns; ++c) target[c] = base::load(dtype, numbers, source + c * from.column);
            }
        }
    }
    return result;
}

}  // namespace plumb::families::attention
