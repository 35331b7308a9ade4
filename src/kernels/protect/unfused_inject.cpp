// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/unfused_faults.h"
#include "kernels/protect/unfused_heads.h"

namespace plumb::kernels::protect {
namespace {

/// Neighbours that a burst hits; other models hit one.
int struck_neighbours(const Fault& fault) {
    return fault.model == FaultModel::burst ? 4 : 1;
}

/// Blocks that an intermittent fault shows in are drawn anew for every run.
std::int64_t drawn_block(std::int64_t block, int run) {
    return block + 100000 * run;
}

void strike(float& number, const Fault& fault, int place) {
    number = corrupted(number, fault, static_cast<std::uint64_t>(place));
}

}  // namespace

std::int64_t InjectedFault::row_here(Site site, const HeadPlace& place) const {
    return fault_.site == site && fault_.key_head == place.key_head ? fault_.row - place.first_row : -1;
}

bool InjectedFault::strike_keys(std::int64_t keys, int run, float* numbers_M) const {
    if (!strikes(run)) return false;
    bool struck = false;
    const auto hit = [&](std::int64_t key) {
        for (int i = 0; i < struck_neighbours(fault_) && key >= 0 && key + i < keys; ++i, struck = true)
            strike(numbers_M[key + i], fault_, i);
    };
    if (!repeats(fault_.model)) {
        hit(fault_.key);
        return struck;
    }
    for (std::int64_t block = 0; block * fault_block_keys < keys; ++block) {
        if (shows_in_block(fault_, drawn_block(block, run))) hit(block * fault_block_keys + fault_.key % fault_block_keys);
    }
    return struck;
}

void InjectedFault::strike_row_number(Site site, const HeadPlace& place, std::int64_t row, int run, float& number) const {
    if (fault_.site != site || fault_.key_head != place.key_head || !strikes(run)) return;
    const std::int64_t here = fault_.row - place.first_row;
    if (repeats(fault_.model)) {
        if (row % panel_rows == fault_.row % panel_rows && shows_in_block(fault_, drawn_block(row / panel_rows, run)))
            strike(number, fault_, 0);
        return;
    }
    const std::int64_t neighbour = row - here;
    if (0 <= neighbour && neighbour < struck_neighbours(fault_)) strike(number, fault_, static_cast<int>(neighbour));
}

void InjectedFault::operands(HeadMemory& memory, const HeadPlace& place) const {
    if (fault_.key_head != place.key_head) return;
    const std::int64_t row = fault_.row - place.first_row;
    const bool row_exists = 0 <= row && row < memory.queries;
    for (int i = 0; i < struck_neighbours(fault_); ++i) {
        const std::int64_t column = fault_.column + i;
        if (fault_.site == Site::query && row_exists && column < memory.head_dim)
            strike(memory.q_ND[row * memory.head_dim + column], fault_, i);
        if (fault_.site == Site::key && column < memory.head_dim)
            strike(memory.packed_keys[memory.kernel->key_place(fault_.key, column, memory.keys, memory.head_dim)], fault_, i);
        if (fault_.site == Site::value && column < memory.value_dim)
            strike(memory.packed_values[memory.kernel->value_place(fault_.key, column, memory.keys, memory.value_dim)], fault_, i);
        if (fault_.site == Site::value_sum && fault_.key + i < std::ssize(memory.value_sum_M))
            strike(memory.value_sum_M[static_cast<std::size_t>(fault_.key + i)], fault_, i);
        if (fault_.site == Site::key_sum) {
            std::vector<double>& sums = memory.key_sums.sum_D.empty() ? memory.query_sums.sum_D : memory.key_sums.sum_D;
            if (column >= std::ssize(sums)) continue;
            double& sum = sums[static_cast<std::size_t>(column)];
            sum = static_cast<double>(corrupted(static_cast<float>(sum), fault_, static_cast<std::uint64_t>(i)));
        }
    }
}

void InjectedFault::scores(const HeadMemory& memory, const HeadPlace& place, std::int64_t first_row, std::int64_t rows, int run,
                           float* score_NM) const {
    const std::int64_t row = row_here(Site::score, place) - first_row;
    if (0 <= row && row < rows) strike_keys(memory.keys, run, score_NM + row * memory.stride);
}

void InjectedFault::after_maximum(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, int run, float& maximum,
                                  float* score_M) const {
    strike_row_number(Site::maximum, place, row, run, maximum);
    // Memory keeps what it was given: the second softmax reads the same wrong score, and it is struck once.
    if (run == 0 && row_here(Site::score_stored, place) == row) strike_keys(memory.keys, run, score_M);
}

bool InjectedFault::exponentials(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, int run, float* p_M) const {
    return row_here(Site::exponential, place) == row && strike_keys(memory.keys, run, p_M);
}

void InjectedFault::row_sum(const HeadPlace& place, std::int64_t row, int run, float& sum) const {
    strike_row_number(Site::row_sum, place, row, run, sum);
}

void InjectedFault::normaliser(const HeadPlace& place, std::int64_t row, int run, float& normaliser) const {
    strike_row_number(Site::normaliser, place, row, run, normaliser);
}

void InjectedFault::probabilities(const HeadMemory& memory, const HeadPlace& place, std::int64_t row, bool before_comparison,
                                  float* p_M) const {
    const bool before = fault_.draw % 2 == 0;
    if (before == before_comparison && row_here(Site::probability, place) == row) strike_keys(memory.keys, 0, p_M);
}

bool InjectedFault::skips(const HeadPlace& place, std::int64_t first_row, std::int64_t rows, std::int64_t first_key, std::int64_t keys,
                          int run) const {
    const std::int64_t row = row_here(Site::skipped_block, place) - first_row;
    return run == 0 && 0 <= row && row < rows && first_key <= fault_.key && fault_.key < first_key + keys;
}

void InjectedFault::outputs(const HeadMemory& memory, const HeadPlace& place, std::int64_t first_row, std::int64_t rows,
                            std::int64_t first_key, std::int64_t keys, int run, float* out_NP) const {
    const std::int64_t row = row_here(Site::output, place) - first_row;
    if (row < 0 || row >= rows || !strikes(run)) return;
    const bool here = first_key <= fault_.key && fault_.key < first_key + keys;
    const bool shows = repeats(fault_.model) ? shows_in_block(fault_, drawn_block(first_key / output_block_keys, run)) : here;
    if (!shows) return;
    for (int i = 0; i < struck_neighbours(fault_) && fault_.column + i < memory.value_dim; ++i)
        strike(out_NP[row * memory.padded_values + fault_.column + i], fault_, i);
}

void InjectedFault::output_sum(const HeadPlace& place, std::int64_t row, double& expected) const {
    auto rounded = static_cast<float>(expected);
    const float before = rounded;
    strike_row_number(Site::output_sum, place, row, 0, rounded);
    if (std::memcmp(&rounded, &before, sizeof(float)) != 0) expected = static_cast<double>(rounded);
}

void InjectedFault::stored_outputs(const attention::Problem& problem, const HeadPlace& place, std::int64_t row, void* out_E) const {
    if (row_here(Site::stored_output, place) != row) return;
    for (int i = 0; i < struck_neighbours(fault_) && fault_.column + i < problem.shape.value_dim; ++i) {
        const std::int64_t column = fault_.column + i;
        if (problem.dtype == base::Dtype::fp32) {
            strike(static_cast<float*>(out_E)[column], fault_, i);
        } else {
            auto& bits = static_cast<std::uint16_t*>(out_E)[column];
            bits = corrupted(bits, problem.dtype, fault_, static_cast<std::uint64_t>(i));
        }
    }
}

Report inject_unfused(const Design& design, const attention::Problem& problem, const Protection& protection, const Fault& fault,
                      std::span<std::byte> out_BNHE) {
    return run_heads(design, problem, protection, InjectedFault(fault), out_BNHE);
}

}  // namespace plumb::kernels::protect
