// SPDX-License-Identifier: Apache-2.0
// Attention at the notebook's three stages and at one long shape: every implementation on every instruction set, and every LibTorch form
// paired with fused().
//
// The peak probe runs beside every sample, so that `share_of_peak` is about this machine at this moment. In the paired benchmarks both
// sides run in every iteration, in alternating order: `peer/fused` is the median of the paired ratios with its 95 % interval, and above 1
// means that fused is faster. Useful: --benchmark_filter=paired, --benchmark_min_time=2
#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "kernels/attention/implementations.h"
#include "kernels/attention/inputs.h"
#include "kernels/isa.h"
#include "kernels/probe/peak.h"
#include "nn/attention_peers.h"

namespace plumb {
namespace {

using kernels::attention::Implementation;
using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Shape;

constexpr std::uint64_t seed = 1;
constexpr int threads = 1;

struct Workload {
    const char* name;
    Shape shape;
    Layout layout;
    MaskKind mask;
    bool slow_ones_too;  ///< small enough for reference, plain and the scalar code
};

constexpr std::int64_t notebook = 32;
const Workload workloads[] = {
    {"queries/N32/M32/D64", {1, 1, notebook, notebook, 64, 64}, Layout::bnhd, MaskKind::none, true},
    {"heads/H8/N32/M32/D64", {1, 8, notebook, notebook, 64, 64}, Layout::bnhd, MaskKind::none, true},
    {"batch/B32/H8/N32/M32/D64", {32, 8, notebook, notebook, 64, 64}, Layout::bnhd, MaskKind::none, true},
    {"long/B1/H16/N2048/M2048/D64", {1, 16, 2048, 2048, 64, 64}, Layout::bhnd, MaskKind::none, false},
    {"long-causal/B1/H16/N2048/M2048/D64", {1, 16, 2048, 2048, 64, 64}, Layout::bhnd, MaskKind::causal, false},
};

double seconds(const std::function<void()>& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Operations a second of the probe, measured for about 0.1 ms.
double peak_now() {
    double operations = 0;
    const double time = seconds([&] { operations = kernels::probe::fma_fp32(400, threads); });
    return operations / time;
}

void report_speed(benchmark::State& state, double operations, const std::vector<double>& times, const std::vector<double>& shares) {
    state.counters["GFLOP/s"] = operations / base::median(times) / 1e9;
    state.counters["share_of_peak"] = base::median(shares);
}

void measure(benchmark::State& state, const Workload& workload, const Implementation& implementation, kernels::Isa isa) {
    const Inputs inputs = make_inputs(workload.shape, workload.mask, "uniform01", seed, workload.layout);
    const auto problem = inputs.problem(threads);
    std::vector<std::byte> out(output_size(problem.shape) * base::size_of(problem.dtype));
    const double operations = kernels::attention::operations(problem);

    kernels::set_isa(isa);
    std::vector<double> times;
    std::vector<double> shares;
    for (auto _ : state) {
        const double time = seconds([&] { implementation.run(problem, out); });
        state.SetIterationTime(time);
        times.push_back(time);
        shares.push_back(operations / time / peak_now());
    }
    kernels::reset_isa();
    report_speed(state, operations, times, shares);
}

/// `peer` against fused on the best instruction set of the host, in one process and iteration by iteration.
void pair_with_peer(benchmark::State& state, const Workload& workload, const std::string& peer_name) {
    const Inputs inputs = make_inputs(workload.shape, workload.mask, "uniform01", seed, workload.layout);
    const auto problem = inputs.problem(threads);
    if (const std::string reason = nn::why_not(peer_name, problem); !reason.empty()) {
        state.SkipWithError(reason.c_str());
        return;
    }
    nn::set_torch_threads(threads);
    const std::unique_ptr<nn::AttentionPeer> peer = nn::make_attention_peer(peer_name, problem);
    const Implementation& fused = kernels::attention::implementation("fused");
    std::vector<std::byte> out(output_size(problem.shape) * base::size_of(problem.dtype));
    const double operations = kernels::attention::operations(problem);

    std::vector<double> fused_times;
    std::vector<double> peer_times;
    std::vector<double> shares;
    const auto run_fused = [&] { fused_times.push_back(seconds([&] { fused.run(problem, out); })); };
    const auto run_peer = [&] { peer_times.push_back(seconds([&] { peer->forward(); })); };
    run_fused();
    run_peer();
    fused_times.clear();
    peer_times.clear();
    for (auto _ : state) {
        const bool fused_first = fused_times.size() % 2 == 0;
        if (fused_first) run_fused();
        run_peer();
        if (!fused_first) run_fused();
        state.SetIterationTime(fused_times.back());
        shares.push_back(operations / fused_times.back() / peak_now());
    }
    report_speed(state, operations, fused_times, shares);
    const base::Interval ratio = base::paired_ratio(peer_times, fused_times);
    state.counters["peer/fused"] = ratio.value;
    state.counters["low"] = ratio.low;
    state.counters["high"] = ratio.high;
    state.counters["peer_GFLOP/s"] = operations / base::median(peer_times) / 1e9;
}

void register_all() {
    for (const Workload& workload : workloads) {
        for (const Implementation& implementation : kernels::attention::implementations()) {
            if (!implementation.uses_isa && !workload.slow_ones_too) continue;
            for (const kernels::Isa isa : kernels::available_isas()) {
                const bool scalar = isa == kernels::Isa::scalar;
                if (!implementation.uses_isa && isa != kernels::available_isas().back()) continue;
                if (implementation.uses_isa && scalar && !workload.slow_ones_too) continue;
                const std::string suffix = implementation.uses_isa ? "/" + std::string(kernels::name(isa)) : "";
                const std::string name = std::string(workload.name) + "/" + std::string(implementation.name) + suffix;
                benchmark::RegisterBenchmark(name.c_str(), [&workload, &implementation, isa](benchmark::State& state) {
                    measure(state, workload, implementation, isa);
                })->UseManualTime();
            }
        }
        if (nn::torch_version().empty()) continue;
        for (const std::string& peer : nn::attention_peers()) {
            if (!workload.slow_ones_too && peer != "sdpa") continue;
            const std::string name = std::string(workload.name) + "/paired/" + peer;
            benchmark::RegisterBenchmark(name.c_str(), [&workload, peer](benchmark::State& state) {
                pair_with_peer(state, workload, peer);
            })->UseManualTime();
        }
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
