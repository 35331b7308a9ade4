// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/amx_run.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace plumb::kernels::attention {
namespace {

/// Packed keys and values that exist at a time stay below this.
constexpr std::int64_t most_packed_bytes = std::int64_t{64} << 20;

constexpr std::int64_t floats_of_bytes(std::int64_t bytes) {
    return divide_up(bytes, static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

AmxPlan make_amx_plan(const Problem& problem) {
    const Shape& s = problem.shape;
    AmxPlan plan;
    plan.parts = problem.precision == Precision::high ? 2 : 1;
    plan.head_steps = divide_up(s.head_dim, amx_step);
    plan.value_units = divide_up(s.value_dim, amx_unit);
    plan.key_heads = s.batch * s.kv_heads();
    plan.rows = s.group() * s.queries;
    const std::int64_t blocks = divide_up(plan.rows, amx_rows);
    // Tasks of equal size rather than full ones and a small rest.
    plan.task_blocks = divide_up(blocks, divide_up(blocks, amx_task_blocks));
    plan.tasks = divide_up(plan.rows, plan.task_rows());
    plan.padded_keys = round_up(s.keys, amx_step);
    plan.threads = static_cast<int>(std::min<std::int64_t>(problem.threads, plan.key_heads * plan.tasks));
    const std::int64_t bytes = std::max<std::int64_t>(1, plan.key_bytes() + plan.value_bytes());
    const std::int64_t wanted = divide_up(std::int64_t{8} * plan.threads, plan.tasks);
    plan.heads_at_once = std::clamp<std::int64_t>(std::min(wanted, most_packed_bytes / bytes), 1, plan.key_heads);
    return plan;
}

AmxWorkspace::AmxWorkspace(const AmxPlan& plan, bool biased) {
    const std::int64_t strip = amx_strip * amx_rows;
    float* hidden = nullptr;
    float* probability = nullptr;
    float* queries[amx_task_blocks] = {};
    std::vector<std::pair<float**, std::int64_t>> parts = {
        {&scratch.score_JT, strip},
        {&scratch.bias_JT, biased ? strip : 0},
        {&hidden, floats_of_bytes(amx_strip / amx_step * amx_rows * static_cast<std::int64_t>(sizeof(std::uint32_t)))},
        {&probability, floats_of_bytes(amx_block_keys / amx_step * 2 * plan.parts * amx_tile_bytes)},
        {&wide, amx_rows * std::max(plan.head_columns(), plan.value_columns())},
        {&factor_T, amx_rows},
    };
    for (std::int64_t i = 0; i < plan.task_blocks; ++i) {
        parts.emplace_back(&queries[i], floats_of_bytes(amx_query_bytes(plan.head_steps, plan.parts)));
        parts.emplace_back(&blocks[i].output_ET, plan.output_floats());
        parts.emplace_back(&blocks[i].maximum_T, amx_rows);
        parts.emplace_back(&blocks[i].sum_T, amx_rows);
    }
    std::int64_t floats = 0;
    for (const auto& [pointer, size] : parts) floats += round_up(size, cache_line_floats);
    memory_ = make_buffer(floats);
    float* next = memory_.get();
    for (const auto& [pointer, size] : parts) *pointer = std::exchange(next, next + round_up(size, cache_line_floats));
    scratch.hidden_CT = reinterpret_cast<std::uint32_t*>(hidden);
    scratch.probability = reinterpret_cast<std::byte*>(probability);
    for (std::int64_t i = 0; i < plan.task_blocks; ++i) {
        query[i] = reinterpret_cast<std::byte*>(queries[i]);
        blocks[i].query = query[i];
        blocks[i].rows = rows + i * amx_rows;
    }
}

}  // namespace plumb::kernels::attention
