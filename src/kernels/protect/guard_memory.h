// SPDX-License-Identifier: Apache-2.0
// Memory of the guard: checksums of a key head, what rows carry along, one thread's working memory.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <utility>
#include <vector>

#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"
#include "kernels/protect/guarded_tile.h"

namespace plumb::kernels::protect {

/// One allocation, cut into arrays that start at cache lines.
class CutMemory {
  public:
    using Part = std::pair<float**, std::int64_t>;  ///< which pointer, how many numbers

    CutMemory() = default;
    explicit CutMemory(std::initializer_list<Part> parts) {
        std::int64_t floats = 0;
        for (const auto& [pointer, size] : parts) floats += attention::round_up(size, attention::cache_line_floats);
        memory_ = attention::make_buffer(floats);
        float* next = memory_.get();
        for (const auto& [pointer, size] : parts)
            *pointer = std::exchange(next, next + attention::round_up(size, attention::cache_line_floats));
        std::fill(memory_.get(), memory_.get() + floats, 0.0F);
    }

  private:
    attention::Buffer memory_;
};

/// The checksums of one key head, with the memory they are in.
class OwnedSums {
  public:
    OwnedSums(const attention::Shape& shape, std::int64_t block_keys)
        : memory_({{&sums.key_sums_BD, attention::divide_up(shape.keys, block_keys) * shape.head_dim},
                   {&sums.key_magnitudes_D, shape.head_dim},
                   {&sums.value_sums_M, shape.keys},
                   {&sums.signed_sums_M, shape.keys}}) {}
    HeadSums sums;

  private:
    CutMemory memory_;
};

/// Bit by bit.
inline bool same_sums(const HeadSums& a, const HeadSums& b, const attention::Shape& shape, std::int64_t block_keys) {
    const auto same = [](const float* first, const float* second, std::int64_t count) {
        return std::memcmp(first, second, static_cast<std::size_t>(count) * sizeof(float)) == 0;
    };
    return same(a.key_sums_BD, b.key_sums_BD, attention::divide_up(shape.keys, block_keys) * shape.head_dim) &&
           same(a.key_magnitudes_D, b.key_magnitudes_D, shape.head_dim) && same(a.value_sums_M, b.value_sums_M, shape.keys) &&
           same(a.signed_sums_M, b.signed_sums_M, shape.keys) && same(&a.beta, &b.beta, 1) && same(&a.value_bound, &b.value_bound, 1) &&
           same(&a.key_bound, &b.key_bound, 1);
}

/// What the rows of a tile carry along, with the memory it is in.
class OwnedGuardState {
  public:
    explicit OwnedGuardState(const attention::Plan& plan, const attention::TileKernel& kernel)
        : memory_({{&state.maximum_copy_T, plan.tile_rows},
                   {&state.output_sum_T, plan.tile_rows},
                   {&state.signed_sum_T, plan.tile_rows},
                   {&state.carried_T, plan.tile_rows},
                   {&state.magnitude_T, plan.tile_rows},
                   {&state.score_bound_T, plan.tile_rows}}),
          keys_(static_cast<std::size_t>(2 * attention::divide_up(plan.tile_rows, kernel.sub_rows))) {
        state.keys = keys_.data();
    }
    GuardState state;

  private:
    CutMemory memory_;
    std::vector<std::int64_t> keys_;
};

/// One thread's.
class GuardWorkspace {
  public:
    GuardWorkspace(const attention::Plan& plan, const attention::Shape& shape, const attention::TileKernel& kernel)
        : state(plan, kernel),
          row_sums(static_cast<std::size_t>(plan.tile_rows)),
          memory_({{&scratch.pending_sums_D, attention::divide_up(plan.tile_rows, kernel.sub_rows) * shape.head_dim},
                   {&scratch.score_sum_T, attention::round_up(plan.tile_rows, kernel.sub_rows)},
                   {&scratch.own_sums_D, shape.head_dim},
                   {&scratch.own_magnitudes_D, shape.head_dim},
                   {&scratch.query_DT, kernel.sub_rows * attention::round_up(shape.head_dim, kernel.lanes)},
                   {&scratch.key_JD, kernel.block_keys * std::max(shape.head_dim, kernel.lanes) + plan.padded_values},
                   {&scratch.sign_P, plan.padded_values}}) {
        for (std::int64_t e = 0; e < shape.value_dim; ++e) scratch.sign_P[e] = column_sign(e);
    }
    OwnedGuardState state;
    GuardScratch scratch;
    std::vector<float> row_sums;

  private:
    CutMemory memory_;
};

}  // namespace plumb::kernels::protect
