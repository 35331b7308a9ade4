// SPDX-License-Identifier: Apache-2.0
// Where faults strike unfused attention. A fault that repeats shows in every block of its site that shows_in_block() names: blocks of
// `fault_block_keys` keys for numbers that belong to a key, panels of rows for numbers that belong to a row alone; an intermittent one
// shows in other blocks when something is computed again.
#pragma once
#include "kernels/protect/fault.h"
#include "kernels/protect/unfused_memory.h"

namespace plumb::kernels::protect {

inline constexpr std::int64_t fault_block_keys = 128;

class InjectedFault {
  public:
    static constexpr bool active = true;
    explicit InjectedFault(const Fault& fault) : fault_(fault) {}

    /// query, key, value, key_sum, value_sum: after the sums were made.
    void operands(HeadMemory& memory, const HeadPlace& place) const;
    /// score.
    void scores(const HeadMemory& memory, const HeadPlace& place, std::int64_t first_row, std::int64_t rows, int run,
                float* score_NM) const;
    /// maximum, score_stored.
    void after_maximum(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, int run, float& maximum, float* score_M) const;
    /// exponential; whether it struck.
    bool exponentials(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, int run, float* p_M) const;
    void row_sum(const HeadPlace& place, std::int64_t row, int run, float& sum) const;
    void normaliser(const HeadPlace& place, std::int64_t row, int run, float& normaliser) const;
    /// probability: one half of the faults strike before a second softmax is compared, the other half after it, as memory is at risk in
    /// both.
    void probabilities(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, bool before_comparison, float* p_M) const;
    /// skipped_block.
    bool skips(const HeadPlace& place, std::int64_t first_row, std::int64_t rows, std::int64_t first_key, std::int64_t keys, int run) const;
    /// output, once the block of keys that holds the fault's key was added.
    void outputs(const HeadMemory& memory, const HeadPlace& place, std::int64_t first_row, std::int64_t rows, std::int64_t first_key,
                 std::int64_t keys, int run, float* out_NP) const;
    /// output_sum.
    void output_sum(const HeadPlace& place, std::int64_t row, double& expected) const;
    /// stored_output.
    void stored_outputs(const attention::Problem& problem, const HeadPlace& place, std::int64_t row, void* out_E) const;

  private:
    /// The fault's site, its head, and its row counted within the head (-1: none of this head).
    std::int64_t row_here(Site site, const HeadPlace& place) const;
    bool strikes(int run) const { return run == 0 || repeats(fault_.model); }
    /// Numbers of one row that belong to keys.
    bool strike_keys(std::int64_t keys, int run, float* numbers_M) const;
    void strike_row_number(Site site, const HeadPlace& place, std::int64_t row, int run, float& number) const;

    const Fault& fault_;
};

}  // namespace plumb::kernels::protect
