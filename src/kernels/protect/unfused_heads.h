// SPDX-License-Identifier: Apache-2.0
// All heads of unfused attention on threads. A template for the reason that unfused_head.h is one; included by unfused.cpp and
// unfused_inject.cpp alone.
#pragma once
#include <omp.h>

#include <memory>
#include <vector>

#include "base/error.h"
#include "kernels/protect/unfused_head.h"

namespace plumb::kernels::protect {

/// Throws what run_unfused() throws.
void require_unfused(const attention::Problem& problem, std::span<const std::byte> out_BNHE);
/// Adds the report of the next head.
void join(Report& all, const Report& head);

/// Runs all heads, writes outputs, joins reports in the order of heads.
template <class Faults>
Report run_heads(const Design& design, const attention::Problem& problem, const Protection& protection, const Faults& faults,
                 std::span<std::byte> out_BNHE) {
    require_unfused(problem, out_BNHE);
    const attention::Shape& s = problem.shape;
    const std::int64_t heads = s.batch * s.heads;
    if (out_BNHE.empty()) return {};
    const int threads = static_cast<int>(std::min<std::int64_t>(problem.threads, heads));
    std::vector<std::unique_ptr<HeadMemory>> memories;
    for (int thread = 0; thread < threads; ++thread) memories.push_back(take_memory(problem, design, current_isa()));
    std::vector<Report> reports(static_cast<std::size_t>(heads));
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::int64_t bh = 0; bh < heads; ++bh) {
        HeadMemory& memory = *memories[static_cast<std::size_t>(omp_get_thread_num())];
        const std::int64_t b = bh / s.heads;
        const std::int64_t h = bh % s.heads;
        const HeadPlace place{b, h, b * s.kv_heads() + h / s.group(), h % s.group() * s.queries};
        reports[static_cast<std::size_t>(bh)] = UnfusedHead<Faults>(problem, design, protection, faults, memory).run(place);
        for (std::int64_t n = 0; n < s.queries; ++n) {
            void* out = base::advance(problem.dtype, out_BNHE.data(), ((b * s.queries + n) * s.heads + h) * s.value_dim);
            memory.packer->narrow(problem.dtype, memory.out_NP.get() + n * memory.padded_values, s.value_dim, out);
            if constexpr (Faults::active) faults.stored_outputs(problem, place, n, out);
        }
    }
    for (auto& memory : memories) give_back(std::move(memory));
    Report all;
    for (const Report& report : reports) join(all, report);
    return all;
}

}  // namespace plumb::kernels::protect
