// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/prepare.h"

#include <algorithm>
#include <new>

#include "kernels/attention/masks.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::size_t alignment = cache_line_floats * sizeof(float);
/// Packed copies of the heads that are prepared together stay below this.
constexpr std::int64_t most_packed_floats = std::int64_t{16} << 20;

/// Fewer tiles than this are cut along the keys as well: work for many cores.
constexpr std::int64_t enough_tiles = 64;
/// A split costs the merging of its state, so it has at least this many keys.
constexpr std::int64_t fewest_split_keys = 1024;

void cut_keys(const Problem& problem, const TileKernel& kernel, Plan& plan) {
    const std::int64_t tiles = plan.key_heads * plan.tiles;
    const std::int64_t wanted = divide_up(enough_tiles, std::max<std::int64_t>(tiles, 1));
    const std::int64_t most = std::max<std::int64_t>(problem.shape.keys / fewest_split_keys, 1);
    plan.split_keys = round_up(divide_up(problem.shape.keys, std::min(wanted, most)), kernel.block_keys);
    plan.splits = std::max<std::int64_t>(divide_up(problem.shape.keys, std::max<std::int64_t>(plan.split_keys, 1)), 1);
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
    plan.key_heads = s.batch * s.kv_heads();
    plan.rows = s.group() * s.queries;
    plan.few_rows = plan.rows <= kernel.few_rows && !keys.scattered() && problem.k_strides.column == 1 && problem.v_strides.column == 1;
    // Tiles of equal size rather than full ones and a small rest.
    plan.tile_rows = round_up(divide_up(plan.rows, divide_up(plan.rows, kernel.tile_rows)), kernel.lanes);
    plan.tiles = divide_up(plan.rows, plan.tile_rows);
    plan.padded_values = round_up(s.value_dim, kernel.lanes);
    cut_keys(problem, kernel, plan);
    plan.threads = static_cast<int>(std::min<std::int64_t>(problem.threads, plan.key_heads * plan.tiles * plan.splits));
    plan.heads_at_once = plan.key_heads;
    if (plan.few_rows) return plan;

    const bool reused = plan.tiles > 1;
    const bool copied = keys.scattered() || problem.dtype != base::Dtype::fp32;
    plan.pack_keys = copied || problem.k_strides.column != 1 || (reused && problem.k_strides.row != s.head_dim);
    plan.pack_values = copied || problem.v_strides.column != 1 || plan.padded_values != s.value_dim || reused;
    plan.check_values = problem.mask.kind == MaskKind::boolean || is_positional(problem.mask);
    if (plan.pack_keys || plan.pack_values || plan.check_values) {
        // Enough tiles at once to keep all threads busy, few enough heads that packed copies are still in cache when tiles read them.
        const std::int64_t floats_per_head = std::max<std::int64_t>(1, s.keys * (s.head_dim + plan.padded_values));
        const std::int64_t wanted = divide_up(std::int64_t{8} * plan.threads, plan.tiles * plan.splits);
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
                          const KeyLists& keys, const PackedHeads& packed) {
    const Shape& s = problem.shape;
    if (s.keys == 0) return {};  // k and v may be null
    const std::int64_t b = key_head / s.kv_heads();
    const std::int64_t g = key_head % s.kv_heads();
    PreparedHead head;
    head.dtype = plan.few_rows ? problem.dtype : base::Dtype::fp32;
    head.k_MD = base::advance(problem.dtype, problem.k, b * problem.k_strides.batch + g * problem.k_strides.head);
    head.k_row = problem.k_strides.row;
    head.v = base::advance(problem.dtype, problem.v, b * problem.v_strides.batch + g * problem.v_strides.head);
    head.v_row = problem.v_strides.row;
    head.keys = std::ssize(keys.of(b));
    if (plan.pack_keys) {
        float* target = packed.keys.get() + slot * s.keys * s.head_dim;
        kernel.pack_keys(problem.dtype, head.k_MD, problem.k_strides, keys.index(b), head.keys, s.head_dim, target);
        head.k_MD = target;
        head.k_row = s.head_dim;
    }
    if (plan.pack_values) {
        float* target = packed.values.get() + slot * s.keys * plan.padded_values;
        kernel.pack_values(problem.dtype, head.v, problem.v_strides, keys.index(b), head.keys, s.value_dim, target);
        head.v = target;
        head.v_row = 0;
    }
    if (plan.check_values) {
        const auto* values = static_cast<const float*>(head.v);
        head.values_finite = plan.pack_values ? kernel.all_finite(values, 1, 0, head.keys * plan.padded_values)
                                              : kernel.all_finite(values, head.keys, head.v_row, s.value_dim);
    }
    return head;
}

}  // namespace plumb::kernels::attention
