// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: the clock, two sides timed against each other, and the end of main().
#pragma once
#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/statistics.h"

namespace plumb::bench {

inline double seconds(const std::function<void()>& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Two sides of which each iteration runs both, in alternating order, so that sample i of one belongs to sample i of the other.
struct Pairs {
    std::vector<double> own;
    std::vector<double> other;

    /// Each function runs its side once and returns its seconds. Own time is the iteration's.
    void sample(benchmark::State& state, const std::function<double()>& run_own, const std::function<double()>& run_other) {
        const bool own_first = own.size() % 2 == 0;
        if (own_first) own.push_back(run_own());
        other.push_back(run_other());
        if (!own_first) own.push_back(run_own());
        state.SetIterationTime(own.back());
    }
    /// Counter `name`: other by own, the median of the paired ratios; above 1 means that own is faster. Its 95 % interval: `prefix`low and
    /// `prefix`high.
    void report(benchmark::State& state, const std::string& name, const std::string& prefix = {}) const {
        const base::Interval ratio = base::paired_ratio(other, own);
        state.counters[name] = ratio.value;
        state.counters[prefix + "low"] = ratio.low;
        state.counters[prefix + "high"] = ratio.high;
    }
};

/// One benchmark that sets its iterations' time itself, as Pairs::sample() does.
inline benchmark::internal::Benchmark* register_timed(const std::string& name, const std::function<void(benchmark::State&)>& measure) {
    return benchmark::RegisterBenchmark(name.c_str(), measure)->UseManualTime()->Unit(benchmark::kMillisecond);
}

/// Runs what was registered. Returns the exit code of main().
inline int run_registered(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

}  // namespace plumb::bench
