// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/backward_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace plumb::kernels::attention {
namespace {

/// Tasks that a problem should give at least, so that threads find work where heads are few.
constexpr std::int64_t wanted_tasks = 32;
/// Packed numbers of the heads at work stay below this where threads find enough tasks so: memory that is used again and again stays in the
/// second-level cache, and is mapped once.
constexpr std::int64_t most_packed_floats = std::int64_t{256} << 10;
constexpr std::int64_t tasks_of_a_thread = 4;

/// At least `columns`, an odd number of cache lines: rows that are read column by column then spread over all sets of the cache.
std::int64_t spread_row(std::int64_t columns) {
    return (divide_up(columns, cache_line_floats) | 1) * cache_line_floats;
}

}  // namespace

BackwardPlan::BackwardPlan(const Problem& problem, const BackwardKernel& kernel) {
    const Shape& s = problem.shape;
    tile_queries = std::min(kernel.tile_queries, s.queries);
    tiles = tile_queries == 0 ? 0 : divide_up(s.queries, tile_queries);
    block_keys = std::min(kernel.key_block, s.keys);
    k_row = spread_row(s.head_dim);
    v_row = spread_row(s.value_dim);
    dq_row = round_up(s.head_dim, cache_line_floats);
    score_row = spread_row(block_keys);
    key_heads = s.batch * s.kv_heads();
    dq_floats = s.group() * s.queries * dq_row;
    if (key_heads == 0) return;
    const std::int64_t blocks = block_keys == 0 ? 1 : divide_up(s.keys, block_keys);
    parts = std::clamp<std::int64_t>(divide_up(wanted_tasks, key_heads), 1, blocks);
    const std::int64_t packed_floats = s.group() * s.queries * (k_row + v_row) + parts * dq_floats;
    const std::int64_t few = most_packed_floats / std::max<std::int64_t>(1, packed_floats);
    const std::int64_t enough = divide_up(tasks_of_a_thread * problem.threads, parts);
    key_heads_at_once = std::clamp<std::int64_t>(std::max(few, enough), 1, key_heads);
    rows_at_once = key_heads_at_once * s.group() * s.queries;

    // Scores in units of q.k leave a single rounding of lse / |scale| before a difference that is exact where it matters. Where that unit
    // leaves fp32's range, and where a bias must be added in its own unit, scores are scaled instead.
    const double scale = effective_scale(problem);
    const double magnitude = std::abs(scale);
    const bool in_units_of_products = problem.bias.data == nullptr && magnitude > 0x1p-60 && magnitude < 0x1p60;
    score_factor = static_cast<float>(in_units_of_products ? std::copysign(1.0, scale) : scale);
    lse_unit = in_units_of_products ? magnitude : 1.0;
    exponent_scale = static_cast<float>(lse_unit * std::numbers::log2e);
}

BackwardScratch::BackwardScratch(const BackwardPlan& plan, const Shape& shape, bool biased) {
    const auto lines = [](std::int64_t floats) { return round_up(floats, cache_line_floats); };
    const std::int64_t padded_keys = lines(plan.block_keys);
    const std::int64_t scores = plan.tile_queries * plan.score_row;
    const std::int64_t bounds = lines(2 * plan.tile_queries);  // 64-bit numbers in the space of two floats each
    const struct {
        float** place;
        std::int64_t floats;
    } pieces[] = {{&k_JD, plan.block_keys * plan.k_row},
                  {&k_DJ, padded_keys * shape.head_dim},
                  {&v_JE, plan.block_keys * plan.v_row},
                  {&v_EJ, padded_keys * shape.value_dim},
                  {&dk_JD, plan.block_keys * plan.k_row},
                  {&dv_JE, plan.block_keys * plan.v_row},

                  {&probability_TJ, scores},
                  {&dscore_TJ, scores},
                  {&bias_TJ, biased ? scores : 0}};
    std::int64_t total = 2 * bounds;
    for (const auto& [place, floats] : pieces) total += lines(floats);
    memory_ = make_buffer(total);
    float* next = memory_.get();
    for (const auto& [place, floats] : pieces) {
        *place = next;
        next += lines(floats);
    }
    begin_T = reinterpret_cast<std::int64_t*>(next);
    end_T = reinterpret_cast<std::int64_t*>(next + bounds);
}

}  // namespace plumb::kernels::attention
