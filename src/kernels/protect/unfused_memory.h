// SPDX-License-Identifier: Apache-2.0
// One head's operands in fp32, its stored scores and probabilities, and the sums that its checks compare with.
//
// Legend: N queries, M keys, D head_dim, E value_dim, P E rounded up to whole vectors.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/attention/prepare.h"
#include "kernels/attention/tile.h"
#include "kernels/protect/unfused.h"
#include "kernels/protect/unfused_kernel.h"

namespace plumb::kernels::protect {

/// Rows whose scores are made, and where one is doubted made again, together.
inline constexpr std::int64_t panel_rows = 48;

/// Where a head stands in the problem, and its key head as faults and evidence count them.
struct HeadPlace {
    std::int64_t record = 0;
    std::int64_t head = 0;
    std::int64_t key_head = 0;   ///< b G + g
    std::int64_t first_row = 0;  ///< of the key head
};

/// Sums over the rows of an operand, columns apart, and how evenly its rows contribute.
struct RowSums {
    std::vector<double> sum_D;
    std::vector<double> magnitude_D;
    double effective_rows = 1;  ///< (sum of |row|)^2 / sum of |row|^2: the number of rows where all are alike, 1 where one has it all
};

class HeadMemory {
  public:
    HeadMemory(const attention::Problem& problem, const Design& design, Isa isa);

    /// Whether it fits that problem, design and instruction set.
    bool serves(const attention::Problem& problem, const Design& design, Isa isa) const;
    std::int64_t bytes() const;

    /// Widens and packs the head's operands from the caller's memory.
    void pack(const attention::Problem& problem, const HeadPlace& place);
    /// Of the packed operands.
    std::uint64_t digest() const;
    /// The sums that `design` compares with, of the packed operands.
    void encode(const Design& design);

    const UnfusedKernel* kernel;
    const attention::TileKernel* packer;
    std::int64_t queries, keys, head_dim, value_dim;
    float scale;
    std::int64_t stride;                           ///< of a row of scores
    std::int64_t padded_values;                    ///< P
    attention::Buffer q_ND, k_MD, v_ME;            ///< widened; products read q as it is
    attention::Buffer packed_keys, packed_values;  ///< and these (unfused_kernel.h)
    attention::Buffer scores_NM, p_NM;
    attention::Buffer second_NM;                            ///< all rows where a design stores a second softmax, else one panel
    attention::Buffer third_NM;                             ///< one panel
    attention::Buffer out_NP, second_out_NP, third_out_NP;  ///< all rows, one panel, one panel

    RowSums query_sums, key_sums;
    std::vector<float> value_sum_M;
    double largest_value_sum = 0;    ///< of |v| over a row
    double effective_values = 1;     ///< as RowSums::effective_rows, of the columns of v
    std::vector<double> column_M;    ///< sums of the scores' columns
    std::vector<double> expected_M;  ///< what they should be
    std::vector<double> bound_M;     ///< sums of magnitudes under them

  private:
    bool second_is_whole_;
    std::int64_t floats_ = 0;
};

/// Memory that calls take turns in, so that its pages are touched once. What is larger than a GiB goes back to the system.
std::unique_ptr<HeadMemory> take_memory(const attention::Problem& problem, const Design& design, Isa isa);
void give_back(std::unique_ptr<HeadMemory> memory);

}  // namespace plumb::kernels::protect
