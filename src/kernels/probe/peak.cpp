// SPDX-License-Identifier: Apache-2.0
// Probes, compiled once per instruction set and chosen by current_isa().
#include "kernels/probe/peak.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/probe/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace plumb::kernels::probe::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `rounds` x 1024 fused multiply-adds of one vector. Writes the sum of all chains, so that none can be left out; returns the lanes of a
/// vector.
int fma_rounds(std::int64_t rounds, float* result) {
    const hn::ScalableTag<float> d;
    using Vector = hn::Vec<decltype(d)>;
    // Independent chains: two ports times a latency of 4 to 5 cycles need 10; with both constants they stay within 16 or 32 registers.
    constexpr int chains = HWY_TARGET == HWY_AVX3 ? 16 : 12;
    constexpr int instructions = 1024;

    // Opaque to the compiler, and read anew for each chain: chains known to be equal would be computed once. They settle at addend / (1 -
    // factor): neither overflow nor denormals.
    volatile float factor_source = 0.5F;
    volatile float addend_source = 1.0F;
    const Vector factor = hn::Set(d, factor_source);
    const Vector addend = hn::Set(d, addend_source);

    Vector chain[chains];
#pragma GCC unroll 16
    for (int c = 0; c < chains; ++c) chain[c] = hn::Set(d, addend_source);
    for (std::int64_t round = 0; round < rounds; ++round) {
        for (int i = 0; i < instructions / chains; ++i) {
#pragma GCC unroll 16
            for (int c = 0; c < chains; ++c) chain[c] = hn::MulAdd(chain[c], factor, addend);
        }
#pragma GCC unroll 16
        for (int c = 0; c < instructions % chains; ++c) chain[c] = hn::MulAdd(chain[c], factor, addend);
    }
#pragma GCC unroll 16
    for (int c = 1; c < chains; ++c) chain[0] = hn::Add(chain[0], chain[c]);
    *result = hn::GetLane(hn::SumOfLanes(d, chain[0]));
    return static_cast<int>(hn::MaxLanes(d));
}

/// Sum modulo 2^64 of `count` 64-bit words, by four independent vectors: enough loads in flight for one core.
std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) {
    const hn::ScalableTag<std::uint64_t> d;
    using Vector = hn::Vec<decltype(d)>;
    const std::size_t lanes = hn::Lanes(d);
    Vector s0 = hn::Zero(d);
    Vector s1 = s0;
    Vector s2 = s0;
    Vector s3 = s0;
    std::size_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
        s0 = hn::Add(s0, hn::LoadU(d, words + i));
        s1 = hn::Add(s1, hn::LoadU(d, words + i + lanes));
        s2 = hn::Add(s2, hn::LoadU(d, words + i + 2 * lanes));
        s3 = hn::Add(s3, hn::LoadU(d, words + i + 3 * lanes));
    }
    // Added by hand: GCC's reduction of 64-bit lanes adds them as signed numbers, which may not overflow.
    std::uint64_t lane_sums[HWY_LANES(std::uint64_t)];
    hn::StoreU(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), d, lane_sums);
    std::uint64_t sum = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane) sum += lane_sums[lane];
    for (; i < count; ++i) sum += words[i];
    return sum;
}

}  // namespace plumb::kernels::probe::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <vector>

#include "base/error.h"

namespace plumb::kernels::probe {
namespace {

void require_threads(int threads) {
    if (threads < 1) throw base::Error(base::ErrorKind::usage, "threads is " + std::to_string(threads), "give at least 1");
}

}  // namespace

double fma_fp32(std::int64_t rounds, int threads) {
    require_threads(threads);
    const auto rounds_of = PLUMB_FOR_ISA(current_isa(), fma_rounds);
    std::vector<float> results(static_cast<std::size_t>(threads));
    int lanes = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(max : lanes)
    for (int t = 0; t < threads; ++t) lanes = std::max(lanes, rounds_of(rounds, &results[static_cast<std::size_t>(t)]));
    return 2.0 * 1024.0 * static_cast<double>(std::max<std::int64_t>(rounds, 0)) * lanes * threads;
}

std::uint64_t read_memory(std::span<const std::byte> bytes, int threads) {
    require_threads(threads);
    const auto sum_words = PLUMB_FOR_ISA(current_isa(), sum_words);
    constexpr std::size_t word = sizeof(std::uint64_t);
    const std::size_t misalignment = reinterpret_cast<std::uintptr_t>(bytes.data()) % word;
    const std::size_t head = std::min(bytes.size(), misalignment == 0 ? 0 : word - misalignment);
    const std::size_t count = (bytes.size() - head) / word;

    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < head; ++i) sum += std::to_integer<std::uint64_t>(bytes[i]);
    for (std::size_t i = head + count * word; i < bytes.size(); ++i) sum += std::to_integer<std::uint64_t>(bytes[i]);

    const auto* words = reinterpret_cast<const std::uint64_t*>(bytes.data() + head);
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sum)
    for (int t = 0; t < threads; ++t) {
        const std::size_t first = count * static_cast<std::size_t>(t) / static_cast<std::size_t>(threads);
        const std::size_t last = count * (static_cast<std::size_t>(t) + 1) / static_cast<std::size_t>(threads);
        sum += sum_words(words + first, last - first);
    }
    return sum;
}

}  // namespace plumb::kernels::probe
#endif
