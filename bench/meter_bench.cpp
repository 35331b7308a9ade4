// SPDX-License-Identifier: Apache-2.0
// What the lab itself costs: around a sample, for an interval, for a verdict. Samples are made up, the meter runs on the real clock.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "base/statistics.h"
#include "lab/compare.h"
#include "lab/meter.h"
#include "lab/trial.h"

namespace plumb {
namespace {

class CheckedTrial : public lab::Trial {
  public:
    std::vector<lab::Check> verify() override { return {lab::at_most("always", "itself", "error", 0, 1)}; }
};

std::vector<double> made_up_samples(std::size_t count, std::uint64_t seed) {
    const base::RandomStream random(seed, "meter bench");
    std::vector<double> samples(count);
    for (std::size_t i = 0; i < count; ++i) samples[i] = 1e-3 * std::exp(0.05 * random.normal(i));
    return samples;
}

/// Wall time of a whole measurement less the time inside samples, per sample: order, clocks, accounts, stop rule, final interval.
void cost_per_sample(benchmark::State& state) {
    CheckedTrial trial;
    const lab::Verified proof = lab::verify(trial);
    const auto actions = static_cast<std::size_t>(state.range(0));
    double around = 0;
    double samples = 0;
    for (auto _ : state) {
        lab::Meter meter({.half_width = 0, .max_seconds = 10, .max_samples = 1000, .warmup_seconds = 1e-3}, 1);
        for (std::size_t action = 0; action < actions; ++action) meter.add(proof, {{"nothing", [] {}, [] {}}});
        const double start = lab::now_seconds();
        const auto timings = meter.measure();
        double inside = 0;
        for (const auto& participant : timings) {
            const lab::Timing& timing = participant.front();
            for (const auto* list : {&timing.samples, &timing.warmup, &timing.disturbed}) {
                for (const double seconds : *list) inside += seconds;
                samples += static_cast<double>(list->size());
            }
        }
        around += lab::now_seconds() - start - inside;
    }
    state.counters["seconds_per_sample"] = around / samples;
}
BENCHMARK(cost_per_sample)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond);

void median_interval(benchmark::State& state) {
    const std::vector<double> samples = made_up_samples(static_cast<std::size_t>(state.range(0)), 1);
    for (auto _ : state) benchmark::DoNotOptimize(base::median_interval(samples));
}
BENCHMARK(median_interval)->Arg(10)->Arg(100)->Arg(1000)->Arg(5000)->Unit(benchmark::kMicrosecond);

void quick_median_interval(benchmark::State& state) {
    const std::vector<double> samples = made_up_samples(static_cast<std::size_t>(state.range(0)), 1);
    for (auto _ : state) benchmark::DoNotOptimize(base::quick_median_interval(samples));
}
BENCHMARK(quick_median_interval)->Arg(10)->Arg(100)->Arg(1000)->Arg(5000)->Unit(benchmark::kMicrosecond);

void paired_ratio_and_verdict(benchmark::State& state) {
    const std::vector<double> baseline = made_up_samples(static_cast<std::size_t>(state.range(0)), 1);
    const std::vector<double> candidate = made_up_samples(static_cast<std::size_t>(state.range(0)), 2);
    for (auto _ : state) benchmark::DoNotOptimize(lab::judge(base::paired_ratio(baseline, candidate), true, 0.01));
}
BENCHMARK(paired_ratio_and_verdict)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

void unpaired_ratio_and_verdict(benchmark::State& state) {
    const std::vector<double> baseline = made_up_samples(static_cast<std::size_t>(state.range(0)), 1);
    const std::vector<double> candidate = made_up_samples(static_cast<std::size_t>(state.range(0)), 2);
    for (auto _ : state) benchmark::DoNotOptimize(lab::judge(base::unpaired_ratio(baseline, candidate), false, 0.01));
}
BENCHMARK(unpaired_ratio_and_verdict)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace plumb

BENCHMARK_MAIN();
