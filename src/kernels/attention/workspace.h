// SPDX-License-Identifier: Apache-2.0
// The memory that tiles work in: one per thread, and states of the splits that wait to be merged.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"

namespace plumb::kernels::attention {

/// Floats that the state of a tile takes.
inline std::int64_t state_floats(const Plan& plan) {
    return round_up(plan.tile_rows * plan.padded_values, cache_line_floats) + 2 * round_up(plan.tile_rows, cache_line_floats);
}
inline RowState make_state(const Plan& plan, float* memory) {
    const std::int64_t rows = round_up(plan.tile_rows, cache_line_floats);
    return {memory + 2 * rows, memory, memory + rows};
}

/// One thread's working memory, cut out of one allocation.
class Workspace {
  public:
    Workspace(const Plan& plan, const Problem& problem, const TileKernel& kernel) : rows(plan.tile_rows) {
        const Shape& s = problem.shape;
        const std::int64_t sub = std::min(kernel.sub_rows, plan.tile_rows);
        const std::int64_t block = plan.few_rows ? kernel.block_keys : std::min(kernel.block_keys, s.keys);
        const bool marked = problem.mask.kind == MaskKind::boolean;
        const bool biased = problem.bias.data != nullptr;
        float* hidden = nullptr;
        float* state_memory = nullptr;
        const std::pair<float**, std::int64_t> parts[] = {
            {&scratch.wide_TD, sub * s.head_dim},
            {&scratch.query_DT, plan.tile_rows * round_up(s.head_dim, kernel.lanes)},
            {&scratch.score_JT, block * sub},
            {&scratch.bias_JT, biased ? block * sub : 0},
            {&hidden, marked ? divide_up(block * sub, static_cast<std::int64_t>(sizeof(float))) : 0},
            {&scratch.block_maximum_T, sub},
            {&scratch.correction_T, sub},
            {&scratch.begin_T, sub},
            {&scratch.end_T, sub},
            {&scratch.wide_JC, plan.few_rows ? wide_keys * std::max(round_up(s.head_dim, kernel.lanes), plan.padded_values) : 0},
            {&scratch.block_TP, plan.few_rows ? plan.rows * plan.padded_values : 0},
            {&state_memory, state_floats(plan)},
        };
        std::int64_t floats = 0;
        for (const auto& [pointer, size] : parts) floats += round_up(size, cache_line_floats);
        memory_ = make_buffer(floats);
        float* next = memory_.get();
        for (const auto& [pointer, size] : parts) *pointer = std::exchange(next, next + round_up(size, cache_line_floats));
        scratch.hidden_JT = reinterpret_cast<std::uint8_t*>(hidden);
        state = make_state(plan, state_memory);
    }

    TileScratch scratch;
    RowState state;
    std::vector<TileRow> rows;

  private:
    Buffer memory_;
};

}  // namespace plumb::kernels::attention
