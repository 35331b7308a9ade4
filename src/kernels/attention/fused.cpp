// SPDX-License-Identifier: Apache-2.0
// The driver of the fused kernel: splits the work into (batch, head, query tile), brings keys and values into the shape that tile.h asks
// for, runs tiles on threads.
//
// Keys and values are used in place where their columns are neighbours; they are packed once per head where rows must be gathered (key
// padding), columns are strided, rows do not fill whole vectors, or rows lie far apart and are read by more than one tile (each would cost
// a page and the same few cache sets). Tiles never depend on the number of threads, so neither do the bits of the output.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <numbers>
#include <utility>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {
namespace {

constexpr std::size_t alignment = 64;
/// Heads are prepared in groups; packed copies of a group stay below this.
constexpr std::int64_t most_packed_floats = std::int64_t{16} << 20;

std::int64_t round_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit * unit;
}
std::int64_t divide_up(std::int64_t count, std::int64_t unit) {
    return (count + unit - 1) / unit;
}

struct AlignedDelete {
    void operator()(float* pointer) const { ::operator delete[](pointer, std::align_val_t{alignment}); }
};
using Buffer = std::unique_ptr<float[], AlignedDelete>;
Buffer make_buffer(std::int64_t floats) {
    return Buffer(static_cast<float*>(::operator new[](static_cast<std::size_t>(floats) * sizeof(float), std::align_val_t{alignment})));
}

/// Everything that is decided before a tile runs.
struct Plan {
    std::int64_t tile_queries = 0;
    std::int64_t tiles = 0;  ///< of one head
    std::int64_t heads = 0;  ///< batch x heads
    std::int64_t heads_at_once = 0;
    std::int64_t padded_values = 0;
    bool pack_keys = false;
    bool pack_values = false;
    bool check_values = false;  ///< a mask may hide NaN or inf
    int threads = 1;
};

/// Keys and values of one head as tiles read them.
struct PreparedHead {
    const float* k_MD = nullptr;
    std::int64_t k_row = 0;
    const float* v_ME = nullptr;
    std::int64_t v_row = 0;
    std::int64_t keys = 0;
    bool values_finite = true;
};

/// The keys that tiles read, in order: one list for each record under key padding, else one list of all keys.
class KeyLists {
  public:
    explicit KeyLists(const Problem& problem) : padded_(problem.mask.kind == MaskKind::key_padding) {
        const std::int64_t lists = padded_ ? problem.shape.batch : 1;
        for (std::int64_t b = 0; b < lists; ++b) lists_.push_back(unpadded_keys(problem, b));
    }
    const std::vector<std::int64_t>& of(std::int64_t record) const { return lists_[padded_ ? record : 0]; }
    /// Some record has a hidden key before a visible one, so that its rows are no range.
    bool scattered() const {
        return std::any_of(lists_.begin(), lists_.end(),
                           [](const auto& keys) { return !keys.empty() && keys.back() + 1 != std::ssize(keys); });
    }

  private:
    bool padded_;
    std::vector<std::vector<std::int64_t>> lists_;
};

Plan make_plan(const Problem& problem, const KeyLists& keys, const TileKernel& kernel) {
    const Shape& s = problem.shape;
    Plan plan;
    // Tiles of equal size rather than full ones and a small rest.
    plan.tile_queries = round_up(divide_up(s.queries, divide_up(s.queries, kernel.tile_queries)), kernel.lanes);
    plan.tiles = divide_up(s.queries, plan.tile_queries);
    plan.heads = s.batch * s.heads;
    plan.padded_values = round_up(s.value_dim, kernel.lanes);
    const bool reused = plan.tiles > 1;
    const bool gathered = keys.scattered();
    plan.pack_keys = gathered || problem.k_strides.column != 1 || (reused && problem.k_strides.row != s.head_dim);
    plan.pack_values =
        gathered || problem.v_strides.column != 1 || plan.padded_values != s.value_dim || (reused && problem.v_strides.row != s.value_dim);
    plan.check_values = problem.mask.kind == MaskKind::boolean || problem.mask.kind == MaskKind::causal;
    plan.threads = static_cast<int>(std::min<std::int64_t>(problem.threads, plan.heads * plan.tiles));

    plan.heads_at_once = plan.heads;
    if (plan.pack_keys || plan.pack_values || plan.check_values) {
        // Enough tiles at once to keep all threads busy, few enough heads that packed copies are still in cache when tiles read them.
        const std::int64_t floats_per_head = std::max<std::int64_t>(1, s.keys * (s.head_dim + plan.padded_values));
        const std::int64_t wanted = divide_up(std::int64_t{32} * plan.threads, plan.tiles);
        plan.heads_at_once = std::clamp<std::int64_t>(std::min(wanted, most_packed_floats / floats_per_head), 1, plan.heads);
    }
    return plan;
}

/// Packed copies of the heads of one group.
struct PackedHeads {
    Buffer keys;
    Buffer values;
};

void pack_rows(const float* source, const Strides& strides, const std::vector<std::int64_t>& rows, std::int64_t columns,
               std::int64_t padded_columns, float* target) {
    for (const std::int64_t row : rows) {
        const float* from = source + row * strides.row;
        if (strides.column == 1) {
            std::memcpy(target, from, static_cast<std::size_t>(columns) * sizeof(float));
        } else {
            for (std::int64_t c = 0; c < columns; ++c) target[c] = from[c * strides.column];
        }
        std::fill(target + columns, target + padded_columns, 0.0F);
        target += padded_columns;
    }
}

/// `slot`: which packed copy of the group to use.
PreparedHead prepare_head(const Problem& problem, const Plan& plan, const TileKernel& kernel, std::int64_t head, std::int64_t slot,
                          const std::vector<std::int64_t>& visible, const PackedHeads& packed) {
    const Shape& s = problem.shape;
    if (s.keys == 0) return {};  // k and v may be null
    const std::int64_t b = head / s.heads;
    const std::int64_t h = head % s.heads;
    const float* k = problem.k + b * problem.k_strides.batch + h * problem.k_strides.head;
    const float* v = problem.v + b * problem.v_strides.batch + h * problem.v_strides.head;

    PreparedHead prepared{
        .k_MD = k, .k_row = problem.k_strides.row, .v_ME = v, .v_row = problem.v_strides.row, .keys = std::ssize(visible)};
    if (plan.pack_keys) {
        float* target = packed.keys.get() + slot * s.keys * s.head_dim;
        pack_rows(k, problem.k_strides, visible, s.head_dim, s.head_dim, target);
        prepared.k_MD = target;
        prepared.k_row = s.head_dim;
    }
    if (plan.pack_values) {
        float* target = packed.values.get() + slot * s.keys * plan.padded_values;
        pack_rows(v, problem.v_strides, visible, s.value_dim, plan.padded_values, target);
        prepared.v_ME = target;
        prepared.v_row = plan.padded_values;
    }
    if (plan.check_values) prepared.values_finite = kernel.all_finite(prepared.v_ME, prepared.keys, prepared.v_row, s.value_dim);
    return prepared;
}

/// Scores are compared in base 2. A scale that would leave the range of the exponential is multiplied into q instead.
void set_scale(const Problem& problem, Tile& tile) {
    const double scale = effective_scale(problem);
    const double magnitude = std::abs(scale);
    const bool ordinary = magnitude > 0x1p-60 && magnitude < 0x1p60;
    tile.query_factor = static_cast<float>(ordinary ? std::copysign(1.0, scale) : scale);
    tile.exponent_scale = static_cast<float>((ordinary ? magnitude : 1.0) * std::numbers::log2e);
}

Tile make_tile(const Problem& problem, const Plan& plan, const PreparedHead& prepared, std::int64_t head, std::int64_t first_query,
               float* out, const Strides& out_strides) {
    const Shape& s = problem.shape;
    const std::int64_t b = head / s.heads;
    const std::int64_t h = head % s.heads;
    Tile tile;
    tile.head_dim = s.head_dim;
    tile.value_dim = s.value_dim;
    tile.q = problem.q + b * problem.q_strides.batch + h * problem.q_strides.head + first_query * problem.q_strides.row;
    tile.q_row = problem.q_strides.row;
    tile.q_column = problem.q_strides.column;
    tile.queries = std::min(plan.tile_queries, s.queries - first_query);
    tile.k_MD = prepared.k_MD;
    tile.k_row = prepared.k_row;
    tile.v_ME = prepared.v_ME;
    tile.v_row = prepared.v_row;
    tile.keys = prepared.keys;
    tile.values_finite = prepared.values_finite;
    set_scale(problem, tile);
    tile.mask = problem.mask.kind == MaskKind::key_padding ? MaskKind::none : problem.mask.kind;
    if (tile.mask == MaskKind::boolean) tile.hidden = problem.mask.hidden + (b * s.queries + first_query) * s.keys;
    tile.hidden_row = s.keys;
    tile.first_query_sees = first_query + s.keys - s.queries + 1;
    tile.out = out + b * out_strides.batch + h * out_strides.head + first_query * out_strides.row;
    tile.out_row = out_strides.row;
    tile.out_column = out_strides.column;
    return tile;
}

/// One thread's working memory, cut out of one allocation.
class Workspace {
  public:
    Workspace(const Plan& plan, const Problem& problem, const TileKernel& kernel) {
        const std::int64_t queries = plan.tile_queries;
        const std::int64_t block = std::min(kernel.key_block, problem.shape.keys);
        const std::int64_t unit = alignment / sizeof(float);
        const std::int64_t query_floats = round_up(problem.shape.head_dim * queries, unit);
        const std::int64_t score_floats = round_up(block * queries, unit);
        const std::int64_t output_floats = round_up(queries * plan.padded_values, unit);
        const std::int64_t row_floats = round_up(queries, unit);
        const bool marked = problem.mask.kind == MaskKind::boolean;
        const std::int64_t hidden_floats = marked ? divide_up(block * queries, static_cast<std::int64_t>(sizeof(float))) : 0;
        memory_ = make_buffer(query_floats + score_floats + output_floats + 5 * row_floats + hidden_floats);
        float* next = memory_.get();
        const auto take = [&next](std::int64_t floats) { return std::exchange(next, next + floats); };
        scratch.query_DT = take(query_floats);
        scratch.score_JT = take(score_floats);
        scratch.output_TE = take(output_floats);
        for (float** row :
             {&scratch.row_maximum_T, &scratch.row_sum_T, &scratch.block_maximum_T, &scratch.correction_T, &scratch.normaliser_T}) {
            *row = take(row_floats);
        }
        scratch.hidden_JT = reinterpret_cast<std::uint8_t*>(take(hidden_floats));
    }

    TileScratch scratch;

  private:
    Buffer memory_;
};

}  // namespace

void fused(const Problem& problem, float* out, const Strides& out_strides) {
    validate(problem);
    const Shape& s = problem.shape;
    if (s.batch == 0 || s.heads == 0 || s.queries == 0 || s.value_dim == 0) return;

    const TileKernel& kernel = tile_kernel(current_isa());
    const KeyLists keys(problem);
    const Plan plan = make_plan(problem, keys, kernel);
    PackedHeads packed;
    if (plan.pack_keys) packed.keys = make_buffer(plan.heads_at_once * s.keys * s.head_dim);
    if (plan.pack_values) packed.values = make_buffer(plan.heads_at_once * s.keys * plan.padded_values);
    std::vector<PreparedHead> prepared(plan.heads_at_once);
    std::vector<Workspace> workspaces;
    for (int t = 0; t < plan.threads; ++t) workspaces.emplace_back(plan, problem, kernel);

        // Nothing below allocates or throws.
#pragma omp parallel num_threads(plan.threads)
    {
        const TileScratch& scratch = workspaces[omp_get_thread_num()].scratch;
        for (std::int64_t first_head = 0; first_head < plan.heads; first_head += plan.heads_at_once) {
            const std::int64_t heads = std::min(plan.heads_at_once, plan.heads - first_head);
#pragma omp for schedule(static)
            for (std::int64_t slot = 0; slot < heads; ++slot) {
                const std::int64_t head = first_head + slot;
                prepared[slot] = prepare_head(problem, plan, kernel, head, slot, keys.of(head / s.heads), packed);
            }
#pragma omp for schedule(dynamic)
            for (std::int64_t task = 0; task < heads * plan.tiles; ++task) {
                const std::int64_t slot = task / plan.tiles;
                const std::int64_t first_query = task % plan.tiles * plan.tile_queries;
                kernel.attend(make_tile(problem, plan, prepared[slot], first_head + slot, first_query, out, out_strides), scratch);
            }
        }
    }
}

}  // namespace plumb::kernels::attention
