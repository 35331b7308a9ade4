// SPDX-License-Identifier: Apache-2.0
// The fused output layer and cross-entropy on GPT-1's vocabulary. kernel/...: alone, as a share of the machine's peak, measured beside
// every sample. step/...: forward and backward through LibTorch's autograd, plumb's function paired with a form of LibTorch in one process:
// both run in every iteration, in alternating order, and `peer/fused` is the median of the paired ratios with its 95 % interval; above 1
// means that fused is faster. memory/...: the most that a step of each form holds beyond what was there before it (pages, as the kernel
// counts them for the process), in its first call and in the next, which finds what the first one kept. Useful: --benchmark_filter=kernel,
// --benchmark_min_time=2
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/memory_watch.h"
#include "base/random.h"
#include "base/statistics.h"
#include "kernels/isa.h"
#include "kernels/loss/linear_cross_entropy.h"
#include "kernels/probe/peak.h"
#include "nn/attention_peers.h"
#include "nn/linear_cross_entropy.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::loss::PackedWeight;
using kernels::loss::Precision;

constexpr std::uint64_t seed = 1;
constexpr std::int64_t vocabulary = 40479;
constexpr std::int64_t features = 768;
constexpr std::int64_t batch_rows = 4096;  ///< 16 x 256 positions; few are enough for most: a measurement takes seconds

struct Workload {
    std::string name;
    bool trains_weight;
    int threads;
    Precision precision = Precision::highest;
    std::int64_t rows = 512;
};

std::vector<Workload> low_precision_workloads() {
    std::vector<Workload> found;
    for (const Precision precision : {Precision::medium, Precision::high}) {
        if (!kernels::loss::precision_reason(precision).empty()) continue;
        const std::string name = "/" + std::string(kernels::attention::name(precision));
        for (const int threads : {1, 2}) {
            found.push_back({"frozen/" + std::to_string(threads) + name, false, threads, precision});
            found.push_back({"trained/" + std::to_string(threads) + name, true, threads, precision});
        }
    }
    return found;
}

std::vector<Workload> workloads() {
    return {{"frozen/1", false, 1}, {"frozen/2", false, 2}, {"trained/1", true, 1}, {"trained/2", true, 2}};
}

/// Made once for all: 250 MB.
struct Data {
    Data()
        : hidden(batch_rows * features),
          weight(vocabulary * features),
          target(batch_rows),
          row_weight(batch_rows, 1.0F / batch_rows),
          dhidden(batch_rows * features) {
        base::RandomStream(seed, "hidden").fill_normal(hidden, 0, 1);
        base::RandomStream(seed, "weight").fill_normal(weight, 0, 0.1F);
        const base::RandomStream targets(seed, "targets");
        for (std::int64_t r = 0; r < batch_rows; ++r) target[r] = static_cast<std::int64_t>(targets.below(r, vocabulary));
    }
    nn::LossProblem problem(const Workload& workload) const {
        return {.rows = workload.rows,
                .vocabulary = vocabulary,
                .features = features,
                .hidden_RE = hidden.data(),
                .weight_VE = weight.data(),
                .target_R = target.data(),
                .row_weight_R = row_weight.data(),
                .trains_weight = workload.trains_weight,
                .threads = workload.threads};
    }

    std::vector<float> hidden, weight;
    std::vector<std::int64_t> target;
    std::vector<float> row_weight, dhidden;
};

Data& data() {
    static Data made;
    return made;
}

/// Operations a second of the probe, measured for about 0.2 ms: multiply-adds of fp32, or products of tiles by how many one takes.
double peak_now(const Workload& workload) {
    double operations = 0;
    const double time = seconds([&] {
        operations = workload.precision == Precision::highest ? kernels::probe::fma_fp32(1000, workload.threads)
                                                              : kernels::probe::tile_bf16(80, workload.threads);
    });
    return operations / time / (workload.precision == Precision::high ? 3 : 1);
}

void measure_kernel(benchmark::State& state, const Workload& workload, bool gradients) {
    Data& d = data();
    const PackedWeight weight({d.weight.data(), vocabulary, features, features}, workload.threads, workload.precision);
    const kernels::loss::Problem problem{.hidden_RE = d.hidden.data(),
                                         .rows = workload.rows,
                                         .row_stride = features,
                                         .weight = &weight,
                                         .target_R = d.target.data(),
                                         .weight_R = d.row_weight.data(),
                                         .threads = workload.threads};
    std::vector<float> dweight(workload.trains_weight ? vocabulary * features : 0);
    const kernels::loss::Gradients out{d.dhidden.data(), features, workload.trains_weight ? dweight.data() : nullptr};
    const double operations = kernels::loss::operations(weight, workload.rows, !gradients ? 1 : workload.trains_weight ? 3 : 2);
    std::vector<double> times;
    std::vector<double> shares;
    for (auto _ : state) {
        double peak = peak_now(workload);
        times.push_back(seconds([&] {
            const double loss = gradients ? linear_cross_entropy(problem, {}, out) : linear_cross_entropy(problem, {});
            benchmark::DoNotOptimize(loss);
        }));
        peak = (peak + peak_now(workload)) / 2;
        state.SetIterationTime(times.back());
        shares.push_back(operations / times.back() / peak);
    }
    state.counters["GFLOP/s"] = operations / base::median(times) / 1e9;
    state.counters["share_of_peak"] = base::median(shares);
}

void pair_steps(benchmark::State& state, const Workload& workload, const std::string& peer_name) {
    const auto fused = nn::make_loss_form("fused", data().problem(workload));
    const auto peer = nn::make_loss_form(peer_name, data().problem(workload));
    fused->step();  // packs the weight, which a frozen one needs once
    bench::Pairs steps;
    for (auto _ : state) {
        steps.sample(
            state, [&] { return seconds([&] { fused->step(); }); }, [&] { return seconds([&] { peer->step(); }); });
    }
    steps.report(state, "peer/fused");
    state.counters["fused_s"] = base::median(steps.own);
    state.counters["peer_s"] = base::median(steps.other);
}

double peak_of(nn::LossForm& form) {
    const base::MemoryWatch watch;
    form.step();
    return static_cast<double>(watch.peak().value_or(-1'000'000)) / 1e6;
}

void measure_memory(benchmark::State& state, const Workload& workload, const std::string& name) {
    const auto form = nn::make_loss_form(name, data().problem(workload));
    for (auto _ : state) {
        state.SetIterationTime(seconds([&] { state.counters["first_MB"] = peak_of(*form); }));
        state.counters["next_MB"] = peak_of(*form);
    }
}

void register_all() {
    for (const Workload& workload : workloads()) {
        // First, while the process is small: what an earlier form freed could be taken again without being seen.
        for (const std::string& name : nn::loss_form_names())
            bench::register_timed("memory/" + workload.name + "/" + name, [=](benchmark::State& state) {
                measure_memory(state, workload, name);
            })->Iterations(1);
    }
    for (const int threads : {1, 2}) {
        const Workload batch{"frozen/" + std::to_string(threads) + "/batch", false, threads, Precision::highest, batch_rows};
        bench::register_timed("kernel/" + batch.name, [=](benchmark::State& state) { measure_kernel(state, batch, true); })->Iterations(1);
    }
    for (const Workload& workload : low_precision_workloads())
        bench::register_timed("kernel/" + workload.name, [=](benchmark::State& state) { measure_kernel(state, workload, true); });
    for (const Workload& workload : workloads()) {
        bench::register_timed("kernel/" + workload.name, [=](benchmark::State& state) { measure_kernel(state, workload, true); });
        if (!workload.trains_weight)
            bench::register_timed("kernel/evaluate/" + std::to_string(workload.threads),
                                  [=](benchmark::State& state) { measure_kernel(state, workload, false); });
    }
    for (const Workload& workload : workloads()) {
        for (const std::string& name : nn::loss_form_names()) {
            if (name == "fused") continue;
            bench::register_timed("step/" + workload.name + "/" + name,
                                  [=](benchmark::State& state) { pair_steps(state, workload, name); });
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
