// SPDX-License-Identifier: Apache-2.0
// Attention at the notebook's three stages, at long shapes and at decoding (one query, many keys): every implementation on every
// instruction set, and LibTorch's forms paired with fused().
//
// A probe of the machine runs beside every sample, so that a share of it is about this machine at this moment: `share_of_peak` of the fused
// multiply-adds (of AMX tiles in the precisions medium and high, which need AMX and are skipped with the reason elsewhere; no AMX host has
// measured them yet), and for decoding `share_of_reading`, the keys and values a second over what read_memory() reads on as many threads.
// In the paired benchmarks both sides run in every iteration, in alternating order: `peer/fused` is the median of the paired ratios with
// its 95 % interval, and above 1 means that fused is faster. Useful: --benchmark_filter=paired, --benchmark_min_time=2
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "kernels/attention/implementations.h"
#include "kernels/attention/inputs.h"
#include "kernels/isa.h"
#include "kernels/probe/peak.h"
#include "nn/attention_peers.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::attention::Implementation;
using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Precision;
using kernels::attention::Problem;
using kernels::attention::Shape;

constexpr std::uint64_t seed = 1;

enum class Kind {
    small,  ///< small enough for reference, plain, the scalar code and every form of LibTorch
    large,
    decode  ///< limited by the reading of keys and values
};

struct Workload {
    const char* name;
    Shape shape;
    Layout layout = Layout::bhnd;
    MaskKind mask = MaskKind::none;
    Kind kind = Kind::large;
    base::Dtype dtype = base::Dtype::fp32;
    int threads = 1;
    Precision precision = Precision::highest;
};

constexpr auto bf16 = base::Dtype::bf16;
constexpr auto fp16 = base::Dtype::fp16;
constexpr auto fp32 = base::Dtype::fp32;
constexpr auto medium = Precision::medium;
constexpr auto high = Precision::high;
constexpr auto causal = MaskKind::causal;
constexpr auto none = MaskKind::none;
constexpr Layout bhnd = Layout::bhnd;
const Workload workloads[] = {
    {"queries/N32/M32/D64", {1, 1, 32, 32, 64, 64}, Layout::bnhd, none, Kind::small},
    {"heads/H8/N32/M32/D64", {1, 8, 32, 32, 64, 64}, Layout::bnhd, none, Kind::small},
    {"batch/B32/H8/N32/M32/D64", {32, 8, 32, 32, 64, 64}, Layout::bnhd, none, Kind::small},
    {"long/B1/H16/N2048/M2048/D64", {1, 16, 2048, 2048, 64, 64}},
    {"long/B1/H16/N2048/M2048/D64/causal", {1, 16, 2048, 2048, 64, 64}, bhnd, causal},
    {"long/B1/H8/N2048/M2048/D128", {1, 8, 2048, 2048, 128, 128}},
    {"long/B1/H8/N2048/M2048/D128/causal", {1, 8, 2048, 2048, 128, 128}, bhnd, causal},
    {"long/B1/H16/N2048/M2048/D64/bnhd", {1, 16, 2048, 2048, 64, 64}, Layout::bnhd},
    {"long/B1/H2/N8192/M8192/D64", {1, 2, 8192, 8192, 64, 64}},
    {"long/B1/H2/N8192/M8192/D64/causal", {1, 2, 8192, 8192, 64, 64}, bhnd, causal},
    {"long/B1/H1/N8192/M8192/D128", {1, 1, 8192, 8192, 128, 128}},
    {"long/B1/H1/N8192/M8192/D128/causal", {1, 1, 8192, 8192, 128, 128}, bhnd, causal},
    {"long/B1/H16/N2048/M2048/D64/bf16", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, bf16},
    {"long/B1/H8/N2048/M2048/D128/bf16", {1, 8, 2048, 2048, 128, 128}, bhnd, none, Kind::large, bf16},
    {"long/B1/H16/N2048/M2048/D64/fp16", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, fp16},
    {"long/B1/H16/G4/N2048/M2048/D64/causal", {1, 16, 2048, 2048, 64, 64, 4}, bhnd, causal},
    {"long/B1/H16/N2048/M2048/D64/bf16/medium", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, bf16, 1, medium},
    {"long/B1/H16/N2048/M2048/D64/bf16/medium/causal", {1, 16, 2048, 2048, 64, 64}, bhnd, causal, Kind::large, bf16, 1, medium},
    {"long/B1/H16/N2048/M2048/D64/bf16/medium/threads2", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, bf16, 2, medium},
    {"long/B1/H8/N2048/M2048/D128/bf16/medium", {1, 8, 2048, 2048, 128, 128}, bhnd, none, Kind::large, bf16, 1, medium},
    {"long/B1/H4/N8192/M8192/D128/bf16/medium", {1, 4, 8192, 8192, 128, 128}, bhnd, none, Kind::large, bf16, 1, medium},
    {"long/B1/H16/N2048/M2048/D64/medium", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, fp32, 1, medium},
    {"long/B1/H16/N2048/M2048/D64/high", {1, 16, 2048, 2048, 64, 64}, bhnd, none, Kind::large, fp32, 1, high},
    {"long/B1/H8/N2048/M2048/D128/high", {1, 8, 2048, 2048, 128, 128}, bhnd, none, Kind::large, fp32, 1, high},
    {"decode/B1/H32/N1/M16384/D64", {1, 32, 1, 16384, 64, 64}, bhnd, none, Kind::decode},
    {"decode/B1/H32/N1/M16384/D64/threads2", {1, 32, 1, 16384, 64, 64}, bhnd, none, Kind::decode, base::Dtype::fp32, 2},
    {"decode/B1/H32/N1/M16384/D128", {1, 32, 1, 16384, 128, 128}, bhnd, none, Kind::decode},
    {"decode/B1/H32/N1/M16384/D128/threads2", {1, 32, 1, 16384, 128, 128}, bhnd, none, Kind::decode, base::Dtype::fp32, 2},
    {"decode/B1/H32/N1/M16384/D64/bf16", {1, 32, 1, 16384, 64, 64}, bhnd, none, Kind::decode, bf16},
    {"decode/B1/H32/N1/M16384/D64/bf16/threads2", {1, 32, 1, 16384, 64, 64}, bhnd, none, Kind::decode, bf16, 2},
    {"decode/B1/H32/N1/M16384/D128/bf16", {1, 32, 1, 16384, 128, 128}, bhnd, none, Kind::decode, bf16},
    {"decode/B1/H32/N1/M16384/D128/bf16/threads2", {1, 32, 1, 16384, 128, 128}, bhnd, none, Kind::decode, bf16, 2},
    {"decode/B1/H32/G8/N1/M16384/D128", {1, 32, 1, 16384, 128, 128, 8}, bhnd, none, Kind::decode},
    {"decode/B1/H32/G8/N1/M16384/D128/bf16", {1, 32, 1, 16384, 128, 128, 8}, bhnd, none, Kind::decode, bf16},
    {"decode/B1/H32/N8/M16384/D64", {1, 32, 8, 16384, 64, 64}, bhnd, none, Kind::decode},
};

Inputs inputs_of(const Workload& workload) {
    return make_inputs(workload.shape, {.mask = workload.mask, .layout = workload.layout, .dtype = workload.dtype}, "uniform01", seed);
}

/// The inputs' problem in the workload's precision.
Problem problem_of(const Workload& workload, const Inputs& inputs) {
    Problem problem = inputs.problem(workload.threads);
    problem.precision = workload.precision;
    return problem;
}

/// Operations a second of the probe that the precision runs on, measured for about 0.1 ms.
double peak_now(const Workload& workload) {
    const bool tiles = workload.precision != Precision::highest;
    double operations = 0;
    const double time = seconds(
        [&] { operations = tiles ? kernels::probe::tile_bf16(50, workload.threads) : kernels::probe::fma_fp32(400, workload.threads); });
    return operations / time;
}

/// Bytes of keys and values.
double bytes_of(const Workload& workload) {
    const Shape& s = workload.shape;
    return static_cast<double>(s.batch * s.kv_heads() * s.keys * (s.head_dim + s.value_dim)) *
           static_cast<double>(base::size_of(workload.dtype));
}

/// What is taken beside each sample of a workload.
class Probe {
  public:
    explicit Probe(const Workload& workload) : workload_(workload) {
        if (workload.kind == Kind::decode) memory_.resize(static_cast<std::size_t>(bytes_of(workload)), std::byte{1});
    }
    /// `time` of the sample that was just taken.
    void take(double operations, double time) {
        if (workload_.kind != Kind::decode) {
            shares_.push_back(operations / time / peak_now(workload_));
            return;
        }
        const double reading = seconds([&] { benchmark::DoNotOptimize(kernels::probe::read_memory(memory_, workload_.threads)); });
        shares_.push_back(reading / time);
        speeds_.push_back(bytes_of(workload_) / reading);
    }
    void report(benchmark::State& state, double operations, const std::vector<double>& times) const {
        if (workload_.kind == Kind::decode) {
            state.counters["GB/s"] = bytes_of(workload_) / base::median(times) / 1e9;
            state.counters["reading_GB/s"] = base::median(speeds_) / 1e9;
            state.counters["share_of_reading"] = base::median(shares_);
        } else {
            state.counters["GFLOP/s"] = operations / base::median(times) / 1e9;
            state.counters["share_of_peak"] = base::median(shares_);
        }
    }

  private:
    const Workload& workload_;
    std::vector<std::byte> memory_;
    std::vector<double> shares_;
    std::vector<double> speeds_;
};

void measure(benchmark::State& state, const Workload& workload, const Implementation& implementation, kernels::Isa isa) {
    kernels::set_isa(isa);
    const Inputs inputs = inputs_of(workload);
    const Problem problem = problem_of(workload, inputs);
    if (const std::string reason = implementation.why_not(problem); !reason.empty()) {
        kernels::reset_isa();
        state.SkipWithError(reason.c_str());
        return;
    }
    base::Numbers out(problem.dtype, static_cast<std::size_t>(output_size(problem.shape)));
    const double operations = kernels::attention::operations(problem);

    std::vector<double> times;
    Probe probe(workload);
    implementation.run(problem, out.bytes());
    for (auto _ : state) {
        const double time = seconds([&] { implementation.run(problem, out.bytes()); });
        state.SetIterationTime(time);
        times.push_back(time);
        probe.take(operations, time);
    }
    kernels::reset_isa();
    probe.report(state, operations, times);
}

/// `peer` against fused on the best instruction set of the host, in one process and iteration by iteration. The peer computes in the type
/// of its tensors as LibTorch does by default, whatever the precision of fused.
void pair_with_peer(benchmark::State& state, const Workload& workload, const std::string& peer_name) {
    const Inputs inputs = inputs_of(workload);
    const Problem problem = problem_of(workload, inputs);
    const Problem peers_problem = inputs.problem(workload.threads);
    const Implementation& fused = kernels::attention::implementation("fused");
    for (const std::string& reason : {fused.why_not(problem), nn::why_not(peer_name, peers_problem)}) {
        if (reason.empty()) continue;
        state.SkipWithError(reason.c_str());
        return;
    }
    nn::set_torch_threads(workload.threads);
    const std::unique_ptr<nn::AttentionPeer> peer = nn::make_attention_peer(peer_name, peers_problem);
    base::Numbers out(problem.dtype, static_cast<std::size_t>(output_size(problem.shape)));
    const double operations = kernels::attention::operations(problem);

    bench::Pairs pairs;
    Probe probe(workload);
    const auto run_fused = [&] {
        const double time = seconds([&] { fused.run(problem, out.bytes()); });
        probe.take(operations, time);
        return time;
    };
    const auto run_peer = [&] { return seconds([&] { peer->forward(); }); };
    fused.run(problem, out.bytes());
    peer->forward();
    for (auto _ : state) pairs.sample(state, run_fused, run_peer);
    probe.report(state, operations, pairs.own);
    pairs.report(state, "peer/fused");
}

void register_all() {
    for (const Workload& workload : workloads) {
        for (const Implementation& implementation : kernels::attention::implementations()) {
            if (!implementation.uses_isa && workload.kind != Kind::small) continue;
            for (const kernels::Isa isa : kernels::available_isas()) {
                const bool scalar = isa == kernels::Isa::scalar;
                if (!implementation.uses_isa && isa != kernels::available_isas().back()) continue;
                if (implementation.uses_isa && scalar && workload.kind != Kind::small) continue;
                // Without AMX one line says why; with it the other instruction sets would only say that they are not AMX.
                if (workload.precision != Precision::highest && isa != kernels::available_isas().back()) continue;
                const std::string suffix = implementation.uses_isa ? "/" + std::string(kernels::name(isa)) : "";
                const std::string name = std::string(workload.name) + "/" + std::string(implementation.name) + suffix;
                benchmark::RegisterBenchmark(name.c_str(), [&workload, &implementation, isa](benchmark::State& state) {
                    measure(state, workload, implementation, isa);
                })->UseManualTime();
            }
        }
        if (nn::torch_version().empty()) continue;
        for (const std::string& peer : nn::attention_peers()) {
            if (workload.kind != Kind::small && peer != "sdpa") continue;
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
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return plumb::bench::run_registered(argc, argv);
}
