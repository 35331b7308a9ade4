// SPDX-License-Identifier: Apache-2.0
// The driver of the fused kernel: splits the work into (batch, head, query tile) and runs tiles on threads. prepare.h says how keys and
// values reach them.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/masks.h"
#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {
namespace {

/// Where fused() writes.
struct Outputs {
    void* out = nullptr;
    Strides strides;
    float* lse_BHN = nullptr;
};

/// One thread's working memory, cut out of one allocation.
class Workspace {
  public:
    Workspace(const Plan& plan, const Problem& problem, const TileKernel& kernel) : sees_T(plan.tile_queries) {
        const std::int64_t queries = plan.tile_queries;
        const std::int64_t block = std::min(kernel.key_block, problem.shape.keys);
        const bool wide = problem.dtype == base::Dtype::fp32;
        const bool marked = problem.mask.kind == MaskKind::boolean;
        const bool biased = problem.bias.data != nullptr;
        float** const rows[] = {&scratch.row_maximum_T, &scratch.row_sum_T,    &scratch.block_maximum_T,
                                &scratch.correction_T,  &scratch.normaliser_T, &scratch.begin_T,
                                &scratch.end_T};
        float* hidden = nullptr;
        const std::pair<float**, std::int64_t> parts[] = {
            {&scratch.wide_TD, wide ? 0 : queries * problem.shape.head_dim},
            {&scratch.query_DT, queries * problem.shape.head_dim},
            {&scratch.score_JT, block * queries},
            {&scratch.bias_JT, biased ? block * queries : 0},
            {&scratch.output_TE, queries * plan.padded_values},
            {&hidden, marked ? divide_up(block * queries, static_cast<std::int64_t>(sizeof(float))) : 0},
        };
        std::int64_t floats = std::ssize(rows) * round_up(queries, cache_line_floats);
        for (const auto& [pointer, size] : parts) floats += round_up(size, cache_line_floats);
        memory_ = make_buffer(floats);
        float* next = memory_.get();
        const auto take = [&next](std::int64_t size) { return std::exchange(next, next + round_up(size, cache_line_floats)); };
        for (float** row : rows) *row = take(queries);
        for (const auto& [pointer, size] : parts) *pointer = take(size);
        scratch.hidden_JT = reinterpret_cast<std::uint8_t*>(hidden);
    }

    TileScratch scratch;
    std::vector<KeyRange> sees_T;

  private:
    Buffer memory_;
};

/// Scores are compared in base 2. A scale that would leave the range of the exponential is multiplied into q instead.
void set_scale(const Problem& problem, Tile& tile) {
    const double scale = effective_scale(problem);
    const double magnitude = std::abs(scale);
    const bool ordinary = magnitude > 0x1p-60 && magnitude < 0x1p60;
    const double left = ordinary ? magnitude : 1.0;  // what q does not carry
    tile.query_factor = static_cast<float>(ordinary ? std::copysign(1.0, scale) : scale);
    tile.natural_scale = problem.bias.data == nullptr ? left : 1.0;
    tile.bias_scale = static_cast<float>(left);
    tile.exponent_scale = static_cast<float>(tile.natural_scale * std::numbers::log2e);
}

/// `head`: b H + h. `sees_T`: room for the ranges of the tile's queries.
Tile make_tile(const Problem& problem, const Plan& plan, const KeyLists& keys, const PreparedHead& prepared, std::int64_t head,
               std::int64_t first_query, const Outputs& outputs, std::vector<KeyRange>& sees_T) {
    const Shape& s = problem.shape;
    const std::int64_t b = head / s.heads;
    const std::int64_t h = head % s.heads;
    const auto first_row = [&](const Strides& strides) { return b * strides.batch + h * strides.head + first_query * strides.row; };
    Tile tile;
    tile.dtype = problem.dtype;
    tile.head_dim = s.head_dim;
    tile.value_dim = s.value_dim;
    tile.q = base::advance(problem.dtype, problem.q, first_row(problem.q_strides));
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
    if (is_positional(problem.mask)) {
        for (std::int64_t t = 0; t < tile.queries; ++t) sees_T[t] = keys.listed(b, range_of(problem, first_query + t));
        tile.sees_T = sees_T.data();
    }
    if (problem.mask.kind == MaskKind::boolean) tile.hidden = problem.mask.hidden + (b * s.queries + first_query) * s.keys;
    tile.hidden_row = s.keys;
    if (problem.bias.data != nullptr) {
        tile.bias = problem.bias.data + first_row(problem.bias.strides);
        tile.bias_row = problem.bias.strides.row;
        tile.bias_column = problem.bias.strides.column;
        if (keys.scattered()) tile.key_index = keys.of(b).data();
    }
    tile.out = base::advance(problem.dtype, outputs.out, first_row(outputs.strides));
    tile.out_row = outputs.strides.row;
    tile.out_column = outputs.strides.column;
    if (outputs.lse_BHN != nullptr) tile.lse = outputs.lse_BHN + head * s.queries + first_query;
    return tile;
}

void require_highest(Precision precision) {
    if (precision == Precision::highest) return;
    throw base::Error(base::ErrorKind::unsupported, "fused attention has no precision '" + std::string(name(precision)) + "'",
                      "leave precision at highest");
}

}  // namespace

void fused(const Problem& problem, void* out, const Strides& out_strides, float* lse_BHN) {
    validate(problem);
    require_highest(problem.precision);
    const Shape& s = problem.shape;
    if (s.batch == 0 || s.heads == 0 || s.queries == 0) return;
    if (s.value_dim == 0 && lse_BHN == nullptr) return;

    const TileKernel& kernel = tile_kernel(current_isa());
    const KeyLists keys(problem);
    const Plan plan = make_plan(problem, keys, kernel);
    const PackedHeads packed = make_packed_heads(problem, plan);
    const Outputs outputs{out, out_strides, lse_BHN};
    std::vector<PreparedHead> prepared(plan.heads_at_once);
    std::vector<Workspace> workspaces;
    for (int t = 0; t < plan.threads; ++t) workspaces.emplace_back(plan, problem, kernel);
    const std::int64_t tiles = plan.group * plan.tiles;  // of one key head

    // Nothing below allocates or throws.
#pragma omp parallel num_threads(plan.threads)
    {
        Workspace& workspace = workspaces[omp_get_thread_num()];
        for (std::int64_t first_head = 0; first_head < plan.key_heads; first_head += plan.heads_at_once) {
            const std::int64_t heads = std::min(plan.heads_at_once, plan.key_heads - first_head);
#pragma omp for schedule(static)
            for (std::int64_t slot = 0; slot < heads; ++slot) {
                const std::int64_t head = first_head + slot;
                prepared[slot] = prepare_head(problem, plan, kernel, head, slot, keys.of(head / s.kv_heads()), packed);
            }
#pragma omp for schedule(dynamic)
            for (std::int64_t task = 0; task < heads * tiles; ++task) {
                const std::int64_t slot = task / tiles;
                const std::int64_t head = (first_head + slot) * plan.group + task % tiles / plan.tiles;
                const std::int64_t first_query = task % plan.tiles * plan.tile_queries;
                const Tile tile = make_tile(problem, plan, keys, prepared[slot], head, first_query, outputs, workspace.sees_T);
                kernel.attend(tile, workspace.scratch);
            }
        }
    }
}

}  // namespace plumb::kernels::attention
