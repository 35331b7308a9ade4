// SPDX-License-Identifier: Apache-2.0
#include "kernels/protect/notebook.h"

#include <algorithm>

#include "kernels/protect/unfused_heads.h"

namespace plumb::kernels::protect {
namespace {

constexpr Design without_checks{};

/// Sums of all heads, as the notebook's are of whole tensors.
struct TensorSums {
    double first = 0;
    double second = 0;
};

void softmax_rows(HeadMemory& memory, const float* from_NM, float* to_NM) {
    for (std::int64_t n = 0; n < memory.queries; ++n) {
        const float* row = from_NM + n * memory.stride;
        float* p = to_NM + n * memory.stride;
        const float sum = memory.kernel->exponentials(row, memory.keys, memory.kernel->maximum(row, memory.keys), p);
        memory.kernel->scale(p, memory.keys, 1.0F / sum);
    }
}

double rounded_sum(const HeadMemory& memory, base::Dtype dtype, const float* numbers_NM) {
    double sum = 0;
    for (std::int64_t n = 0; n < memory.queries; ++n) {
        for (std::int64_t m = 0; m < memory.keys; ++m) sum += static_cast<double>(base::round_to(dtype, numbers_NM[n * memory.stride + m]));
    }
    return sum;
}

/// Q.sum(rows) K^T, rounded where the notebook's tensors are.
double checksum_of_scores(const HeadMemory& memory, base::Dtype dtype) {
    std::vector<double> sums(static_cast<std::size_t>(memory.head_dim), 0.0);
    memory.kernel->add_rows(memory.q_ND.get(), memory.head_dim, memory.queries, memory.head_dim, sums.data());
    for (double& sum : sums) sum = static_cast<double>(base::round_to(dtype, static_cast<float>(sum)));
    std::vector<double> products(static_cast<std::size_t>(memory.keys));
    memory.kernel->key_dots(memory.packed_keys.get(), memory.keys, memory.head_dim, sums.data(), products.data());
    double total = 0;
    for (const double product : products) total += static_cast<double>(base::round_to(dtype, static_cast<float>(product)));
    return total;
}

void attend(Cell cell, base::Dtype dtype, HeadMemory& memory, TensorSums& sums) {
    const UnfusedKernel& kernel = *memory.kernel;
    kernel.scores(memory.q_ND.get(), memory.queries, memory.packed_keys.get(), memory.keys, memory.head_dim, memory.scores_NM.get(),
                  memory.stride);
    if (cell == Cell::abft_gemm_1) {
        sums.first += rounded_sum(memory, dtype, memory.scores_NM.get());
        sums.second += checksum_of_scores(memory, dtype);
    }
    softmax_rows(memory, memory.scores_NM.get(), memory.p_NM.get());
    const float* p = memory.p_NM.get();
    if (cell != Cell::abft_gemm_1) {
        softmax_rows(memory, memory.p_NM.get(), memory.scores_NM.get());
        p = memory.scores_NM.get();
    }
    if (cell == Cell::dmr_with_check) {
        sums.first += rounded_sum(memory, dtype, memory.p_NM.get());
        sums.second += rounded_sum(memory, dtype, memory.scores_NM.get());
    }
    for (std::int64_t first = 0; first < memory.keys; first += output_block_keys) {
        kernel.outputs(p, memory.queries, memory.stride, memory.packed_values.get(), memory.keys, first,
                       std::min(output_block_keys, memory.keys - first), memory.value_dim, memory.out_NP.get());
    }
}

}  // namespace

Report run_notebook(Cell cell, const attention::Problem& problem, std::span<std::byte> out_BNHE) {
    require_unfused(problem, out_BNHE);
    const attention::Shape& s = problem.shape;
    auto memory = take_memory(problem, without_checks, current_isa());
    TensorSums sums;
    for (std::int64_t bh = 0; bh < s.batch * s.heads; ++bh) {
        const std::int64_t b = bh / s.heads;
        const std::int64_t h = bh % s.heads;
        memory->pack(problem, {.record = b, .head = h});
        attend(cell, problem.dtype, *memory, sums);
        for (std::int64_t n = 0; n < s.queries; ++n) {
            void* out = base::advance(problem.dtype, out_BNHE.data(), ((b * s.queries + n) * s.heads + h) * s.value_dim);
            memory->packer->narrow(problem.dtype, memory->out_NP.get() + n * memory->padded_values, s.value_dim, out);
        }
    }
    give_back(std::move(memory));
    Report report;
    if (cell == Cell::all_techniques) return report;
    const float first = base::round_to(problem.dtype, static_cast<float>(sums.first));
    const float second = base::round_to(problem.dtype, static_cast<float>(sums.second));
    if (!accept(report, first == second ? 0 : 1, 0))
        note_alarm(report, {}, {cell == Cell::abft_gemm_1 ? Alarm::scores : Alarm::exponentials, -1, 1, 0}, Outcome::detected);
    return report;
}

}  // namespace plumb::kernels::protect
