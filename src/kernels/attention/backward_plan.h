// SPDX-License-Identifier: Apache-2.0
// How the fused backward pass cuts its work, and the memory for it. Tiles, blocks and parts follow from the sizes of the problem and the
// instruction set, never from the number of threads, so neither do the bits of the gradients; only how many heads are at work at once does.
#pragma once
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/backward_tile.h"
#include "kernels/attention/prepare.h"

namespace plumb::kernels::attention {

struct BackwardPlan {
    BackwardPlan(const Problem& problem, const BackwardKernel& kernel);

    std::int64_t tile_queries = 0;
    std::int64_t tiles = 0;  ///< of one head
    std::int64_t block_keys = 0;
    std::int64_t k_row = 0;  ///< distance of packed rows of q, k and dk
    std::int64_t v_row = 0;  ///< of dO, v and dv
    std::int64_t dq_row = 0;
    std::int64_t score_row = 0;
    std::int64_t key_heads = 0;          ///< batch x G
    std::int64_t key_heads_at_once = 0;  ///< so many have q, dO and dq packed in memory
    std::int64_t rows_at_once = 0;       ///< queries of their query heads
    std::int64_t parts = 0;              ///< part p of a key head takes its blocks p, p + parts, p + 2 parts ... and has a dq of its own
    std::int64_t dq_floats = 0;          ///< of one part: dq of all query heads that read the key head
    float score_factor = 1;    ///< a score is score_factor (q . k) + bias: the sign of the scale, or all of it (backward_plan.cpp)
    float exponent_scale = 1;  ///< probabilities are 2^(exponent_scale (score - lse / lse_unit))
    double lse_unit = 1;
};

/// Working memory of one thread, cut out of one allocation.
class BackwardScratch {
  public:
    BackwardScratch(const BackwardPlan& plan, const Shape& shape, bool biased);

    float* k_JD = nullptr;
    float* k_DJ = nullptr;
    float* v_JE = nullptr;
    float* v_EJ = nullptr;
    float* dk_JD = nullptr;
    float* dv_JE = nullptr;
    float* probability_TJ = nullptr;
    float* dscore_TJ = nullptr;
    float* bias_TJ = nullptr;
    std::int64_t* begin_T = nullptr;
    std::int64_t* end_T = nullptr;

  private:
    Buffer memory_;
};

}  // namespace plumb::kernels::attention
