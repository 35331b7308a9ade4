// SPDX-License-Identifier: Apache-2.0
// What the driver of attention on AMX tiles decides before tiles run, and one thread's working memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/amx_kernel.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/prepare.h"

namespace plumb::kernels::attention {

/// Cuts depend on the problem alone. The rows of a key head are all queries of all heads that share it, head after head; a task is a run of
/// them.
struct AmxPlan {
    int parts = 1;
    std::int64_t head_steps = 0;
    std::int64_t value_units = 0;
    std::int64_t key_heads = 0;    ///< batch x key heads
    std::int64_t rows = 0;         ///< of one key head
    std::int64_t task_blocks = 0;  ///< blocks of rows of one task
    std::int64_t tasks = 0;        ///< of one key head
    std::int64_t padded_keys = 0;  ///< whole steps
    std::int64_t heads_at_once = 0;
    int threads = 1;

    std::int64_t task_rows() const { return task_blocks * amx_rows; }
    std::int64_t head_columns() const { return head_steps * amx_step; }
    std::int64_t value_columns() const { return value_units * amx_unit; }
    std::int64_t key_bytes() const { return padded_keys / amx_unit * amx_key_unit_bytes(head_steps, parts); }
    std::int64_t value_bytes() const { return padded_keys / amx_step * amx_value_step_bytes(value_units, parts); }
    std::int64_t output_floats() const { return value_columns() * amx_rows; }
};
AmxPlan make_amx_plan(const Problem& problem);

/// One thread's memory, cut out of one allocation.
class AmxWorkspace {
  public:
    AmxWorkspace(const AmxPlan& plan, bool biased);

    AmxScratch scratch;
    float* wide = nullptr;      ///< 32 rows as wide as heads or values: what is packed, and outputs on their way out
    float* factor_T = nullptr;  ///< normalisers of a block
    AmxBlock blocks[amx_task_blocks];
    AmxRow rows[amx_task_blocks * amx_rows];
    std::byte* query[amx_task_blocks] = {};

  private:
    Buffer memory_;
};

}  // namespace plumb::kernels::attention
