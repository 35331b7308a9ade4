// SPDX-License-Identifier: Apache-2.0
// What protection costs: protected_attention() with more and more of its checks, each paired with fused() on the same inputs in one
// process.
//
// `protected/fused` is the median of the paired ratios with its 95 % interval: 1.02 means that protection costs 2 % of the time. The row
// `none` pairs fused() with itself: what the machine makes of no difference. `unprotected` keeps level none of the same code. No row has
// code for injection in it. Useful: --benchmark_filter=N2048, --benchmark_min_time=5
#include <benchmark/benchmark.h>

#include <string>

#include "kernels/attention/inputs.h"
#include "kernels/isa.h"
#include "kernels/probe/peak.h"
#include "kernels/protect/protected_attention.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Problem;
using kernels::attention::Shape;
using kernels::protect::ExponentialCheck;
using kernels::protect::Level;
using kernels::protect::Protection;

struct Workload {
    const char* name;
    Shape shape;
    MaskKind mask = MaskKind::none;
    base::Dtype dtype = base::Dtype::fp32;
};

const Workload workloads[] = {
    {"B1/H2/N2048/M2048/D64", {1, 2, 2048, 2048, 64, 64}},
    {"B1/H2/N2048/M2048/D128", {1, 2, 2048, 2048, 128, 128}},
    {"B1/H2/N2048/M2048/D64/causal", {1, 2, 2048, 2048, 64, 64}, MaskKind::causal},
    {"B1/H2/N2048/M2048/D128/causal", {1, 2, 2048, 2048, 128, 128}, MaskKind::causal},
    {"B1/H2/N2048/M2048/D64/bf16", {1, 2, 2048, 2048, 64, 64}, MaskKind::none, base::Dtype::bf16},
    {"B1/H2/N8192/M8192/D64", {1, 2, 8192, 8192, 64, 64}},
    {"B1/H1/N8192/M8192/D128", {1, 1, 8192, 8192, 128, 128}},
};

struct Variant {
    const char* name;
    Protection protection;
};

/// More and more checks, as the ablation of the study `fault` has them.
const Variant variants[] = {
    {"none", {.level = Level::none}},
    {"outputs", {.level = Level::correct, .checks = {.scores = false, .exponentials = ExponentialCheck::none, .second_weights = false}}},
    {"scores+outputs", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::none, .second_weights = false}}},
    {"scores+outputs/two_weights", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::none}}},
    {"scores+outputs+sum", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::sum, .second_weights = false}}},
    {"scores+outputs+band", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::band, .second_weights = false}}},
    {"scores+outputs+band/two_weights", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::band}}},
    {"scores+outputs+twice/two_weights", {.level = Level::correct, .checks = {.exponentials = ExponentialCheck::twice}}},
};

void pair_with_fused(benchmark::State& state, const Workload& workload, const Variant& variant) {
    const Inputs inputs =
        make_inputs(workload.shape, {.mask = workload.mask, .layout = Layout::bhnd, .dtype = workload.dtype}, "normal", 1);
    const Problem problem = inputs.problem();
    const Shape& s = workload.shape;
    base::Numbers out(problem.dtype, static_cast<std::size_t>(output_size(s)));
    base::Numbers unprotected(problem.dtype, static_cast<std::size_t>(output_size(s)));
    const auto strides = kernels::attention::strides_bnhd(s.queries, s.heads, s.value_dim);
    // Both into the same memory: where outputs lie alone makes a difference of up to 2 %.
    const auto run_protected = [&] { return seconds([&] { protected_attention(problem, variant.protection, out.data(), strides); }); };
    const auto run_fused = [&] { return seconds([&] { fused(problem, out.data(), strides); }); };
    fused(problem, unprotected.data(), strides);
    const auto report = protected_attention(problem, variant.protection, out.data(), strides);
    if (report.alarms > 0 || out.widened() != unprotected.widened()) {
        state.SkipWithError("the protected output is not the unprotected one, bit by bit, or a clean run alarmed");
        return;
    }
    bench::Pairs pairs;
    double operations = 0;
    double probe_time = 0;
    for (auto _ : state) {
        pairs.sample(state, run_fused, run_protected);
        probe_time += seconds([&] { operations += kernels::probe::fma_fp32(400, 1); });
    }
    pairs.report(state, "protected/fused");
    state.counters["fused_share_of_peak"] = kernels::attention::operations(problem) / base::median(pairs.own) / (operations / probe_time);
    state.counters["row_checks"] = static_cast<double>(report.row_checks);
    state.counters["largest_residual"] = report.largest_residual;
}

void register_all() {
    for (const Workload& workload : workloads) {
        for (const Variant& variant : variants) {
            const std::string name = std::string(workload.name) + "/" + variant.name;
            benchmark::RegisterBenchmark(name.c_str(), [&workload, &variant](benchmark::State& state) {
                pair_with_fused(state, workload, variant);
            })->UseManualTime();
        }
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    benchmark::AddCustomContext("instruction set", std::string(plumb::kernels::name(plumb::kernels::current_isa())));
    return plumb::bench::run_registered(argc, argv);
}
