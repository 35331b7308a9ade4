// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/prepare.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/attention/masks.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::size_t alignment = cache_line_floats * sizeof(float);
/// Packed copies of the heads that are prepared together stay below this.
constexpr std::int64_t most_packed_floats = std::int64_t{16} << 20;

void pack_rows(const Problem& problem, const TileKernel& kernel, const void* source, const Strides& strides,
               const std::vector<std::int64_t>& rows, std::int64_t columns, std::int64_t padded_columns, float* target) {
    for (const std::int64_t row : rows) {
        const void* from = base::advance(problem.dtype, source, row * strides.row);
        if (strides.column == 1) {
            kernel.widen(problem.dtype, from, columns, target);
        } else {
            for (std::int64_t c = 0; c < columns; ++c) target[c] = base::load(problem.dtype, from, c * strides.column);
        }
        std::fill(target + columns, target + padded_columns, 0.0F);
        target += padded_columns;
    }
}

}  // namespace

void AlignedDelete::operator()(float* pointer) const {
    ::operator delete[](pointer, std::align_val_t{alignment});
}

Buffer make_buffer(std::int64_t floats) {
    return Buffer(static_cast<float*>(::operator new[](static_cast<std::size_t>(floats) * sizeof(float), std::align_val_t{alignment})));
}

KeyLists::KeyLists(const Problem& problem) : padded_(problem.mask.kind == MaskKind::key_padding) {
    const std::int64_t lists = padded_ ? problem.shape.batch : 1;
    for (std::int64_t b = 0; b < lists; ++b) lists_.push_back(unpadded_keys(problem, b));
    scattered_ =
        std::any_of(lists_.begin(), lists_.end(), [](const auto& keys) { return !keys.empty() && keys.back() + 1 != std::ssize(keys); });
}

KeyRange KeyLists::listed(std::int64_t record, const KeyRange& range) const {
    const std::vector<std::int64_t>& keys = of(record);
    const auto place = [&](std::int64_t key) { return std::lower_bound(keys.begin(), keys.end(), key) - keys.begin(); };
    if (scattered_) return {place(range.begin), place(range.end)};
    return {std::min(range.begin, std::ssize(keys)), std::min(range.end, std::ssize(keys))};
}

Plan make_plan(const Problem& problem, const KeyLists& keys, const TileKernel& kernel) {
    const Shape& s = problem.shape;
    Plan plan;
    // Tiles of equal size rather than full ones and a small rest.
    plan.tile_queries = round_up(divide_up(s.queries, divide_up(s.queries, kernel.tile_queries)), kernel.lanes);
    plan.tiles = divide_up(s.queries, plan.tile_queries);
    plan.key_heads = s.batch * s.kv_heads();
    plan.group = s.group();
    plan.padded_values = round_up(s.value_dim, kernel.lanes);
    const bool reused = plan.tiles * plan.group > 1;
    const bool copied = keys.scattered() || problem.dtype != base::Dtype::fp32;
    plan.pack_keys = copied || problem.k_strides.column != 1 || (reused && problem.k_strides.row != s.head_dim);
    plan.pack_values =
        copied || problem.v_strides.column != 1 || plan.padded_values != s.value_dim || (reused && problem.v_strides.row != s.value_dim);
    plan.check_values = problem.mask.kind == MaskKind::boolean || is_positional(problem.mask);
    const std::int64_t tiles_of_key_head = plan.group * plan.tiles;
    plan.threads = static_cast<int>(std::min<std::int64_t>(problem.threads, plan.key_heads * tiles_of_key_head));

    plan.heads_at_once = plan.key_heads;
    if (plan.pack_keys || plan.pack_values || plan.check_values) {
        // Enough tiles at once to keep all threads busy, few enough heads that packed copies are still in cache when tiles read them.
        const std::int64_t floats_per_head = std::max<std::int64_t>(1, s.keys * (s.head_dim + plan.padded_values));
        const std::int64_t wanted = divide_up(std::int64_t{32} * plan.threads, tiles_of_key_head);
        plan.heads_at_once = std::clamp<std::int64_t>(std::min(wanted, most_packed_floats / floats_per_head), 1, plan.key_heads);
    }
    return plan;
}

PackedHeads make_packed_heads(const Problem& problem, const Plan& plan) {
    const Shape& s = problem.shape;
    PackedHeads packed;
    if (plan.pack_keys) packed.keys = make_buffer(plan.heads_at_once * s.keys * s.head_dim);
    if (plan.pack_values) packed.values = make_buffer(plan.heads_at_once * s.keys * plan.padded_values);
    return packed;
}

PreparedHead prepare_head(const Problem& problem, const Plan& plan, const TileKernel& kernel, std::int64_t key_head, std::int64_t slot,
                          const std::vector<std::int64_t>& visible, const PackedHeads& packed) {
    const Shape& s = problem.shape;
    if (s.keys == 0) return {};  // k and v may be null
    const std::int64_t b = key_head / s.kv_heads();
    const std::int64_t g = key_head % s.kv_heads();
    const void* k = base::advance(problem.dtype, problem.k, b * problem.k_strides.batch + g * problem.k_strides.head);
    const void* v = base::advance(problem.dtype, problem.v, b * problem.v_strides.batch + g * problem.v_strides.head);

    PreparedHead prepared;
    prepared.keys = std::ssize(visible);
    if (plan.pack_keys) {
        float* target = packed.keys.get() + slot * s.keys * s.head_dim;
        pack_rows(problem, kernel, k, problem.k_strides, visible, s.head_dim, s.head_dim, target);
        prepared.k_MD = target;
        prepared.k_row = s.head_dim;
    } else {
        prepared.k_MD = static_cast<const float*>(k);
        prepared.k_row = problem.k_strides.row;
    }
    if (plan.pack_values) {
        float* target = packed.values.get() + slot * s.keys * plan.padded_values;
        pack_rows(problem, kernel, v, problem.v_strides, visible, s.value_dim, plan.padded_values, target);
        prepared.v_ME = target;
        prepared.v_row = plan.padded_values;
    } else {
        prepared.v_ME = static_cast<const float*>(v);
        prepared.v_row = problem.v_strides.row;
    }
    if (plan.check_values) prepared.values_finite = kernel.all_finite(prepared.v_ME, prepared.keys, prepared.v_row, s.value_dim);
    return prepared;
}

}  // namespace plumb::kernels::attention
