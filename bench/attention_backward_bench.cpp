// SPDX-License-Identifier: Apache-2.0
// The backward pass of attention. kernel/...: fused_backward() alone, as a share of the machine's FMA peak, measured beside every sample.
// step/...: forward and backward through LibTorch's autograd, plumb's function paired with LibTorch's own kernel in one process: both run
// in every iteration, in alternating order, and `peer/fused` is the median of the paired ratios with its 95 % interval; above 1 means that
// fused is faster. Useful: --benchmark_filter=step, --benchmark_min_time=2
#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/statistics.h"
#include "kernels/attention/backward.h"
#include "kernels/attention/inputs.h"
#include "kernels/isa.h"
#include "kernels/probe/peak.h"
#include "nn/attention_gradients.h"
#include "nn/attention_peers.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::attention::Inputs;
using kernels::attention::Layout;
using kernels::attention::MaskKind;
using kernels::attention::Shape;

constexpr std::uint64_t seed = 1;
constexpr int threads = 1;

struct Workload {
    const char* name;
    Shape shape;
    MaskKind mask = MaskKind::none;
    base::Dtype dtype = base::Dtype::fp32;
};

const Workload workloads[] = {
    {"H16/N2048/D64/fp32", {1, 16, 2048, 2048, 64, 64}},
    {"H8/N2048/D128/fp32", {1, 8, 2048, 2048, 128, 128}},
    {"H16/N2048/D64/fp32/causal", {1, 16, 2048, 2048, 64, 64}, MaskKind::causal},
    {"H8/N2048/D128/fp32/causal", {1, 8, 2048, 2048, 128, 128}, MaskKind::causal},
    {"B4/H12/N512/D64/fp32/causal", {4, 12, 512, 512, 64, 64}, MaskKind::causal},
    {"B32/H8/N32/D64/fp32", {32, 8, 32, 32, 64, 64}},
    {"H2/N1024/D64/bf16", {1, 2, 1024, 1024, 64, 64}, MaskKind::none, base::Dtype::bf16},
};

/// Operations a second of the probe, measured for about 0.1 ms.
double peak_now() {
    double operations = 0;
    const double time = seconds([&] { operations = kernels::probe::fma_fp32(400, threads); });
    return operations / time;
}

/// Inputs and the gradient of the output, both heads first.
struct Data {
    explicit Data(const Workload& workload)
        : inputs(make_inputs(workload.shape, {.mask = workload.mask, .layout = Layout::bhnd, .dtype = workload.dtype}, "normal", seed)),
          dout_strides(kernels::attention::strides_bhnd(workload.shape.queries, workload.shape.heads, workload.shape.value_dim)) {
        std::vector<float> numbers(output_size(workload.shape));
        base::RandomStream(seed, "attention.dout").fill_uniform(numbers, -1, 1);
        dout = base::Numbers(workload.dtype, numbers);
    }

    Inputs inputs;
    base::Numbers dout;
    kernels::attention::Strides dout_strides;
};

void measure_kernel(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const Shape& s = workload.shape;
    kernels::attention::Backward backward;
    backward.problem = data.inputs.problem(threads);
    const auto numbers = [&](std::int64_t rows, std::int64_t columns) {
        return base::Numbers(workload.dtype, s.batch * s.heads * rows * columns);
    };
    base::Numbers out = numbers(s.queries, s.value_dim);
    base::Numbers dq = numbers(s.queries, s.head_dim);
    base::Numbers dk = numbers(s.keys, s.head_dim);
    base::Numbers dv = numbers(s.keys, s.value_dim);
    std::vector<float> lse(s.batch * s.heads * s.queries);
    fused(backward.problem, out.data(), data.dout_strides, lse.data());
    backward.out = out.data();
    backward.lse = lse.data();
    backward.dout = data.dout.data();
    backward.out_strides = backward.dout_strides = data.dout_strides;
    backward.dq = dq.data();
    backward.dk = dk.data();
    backward.dv = dv.data();
    backward.dq_strides = backward.problem.q_strides;
    backward.dk_strides = backward.problem.k_strides;
    backward.dv_strides = backward.problem.v_strides;

    const double operations = backward_operations(backward.problem);
    std::vector<double> times;
    std::vector<double> shares;
    for (auto _ : state) {
        times.push_back(seconds([&] { fused_backward(backward); }));
        state.SetIterationTime(times.back());
        shares.push_back(operations / times.back() / peak_now());
    }
    state.counters["GFLOP/s"] = operations / base::median(times) / 1e9;
    state.counters["share_of_peak"] = base::median(shares);
}

void pair_steps(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const auto problem = data.inputs.problem(threads);
    const auto fused = nn::make_attention_gradients("fused", problem, data.dout.data(), data.dout_strides);
    const auto peer = nn::make_attention_gradients("sdpa", problem, data.dout.data(), data.dout_strides);
    bench::Pairs steps, backwards;
    const auto run = [](nn::AttentionGradients& gradients, std::vector<double>& backward_times) {
        const double forward = seconds([&] { gradients.forward(); });
        backward_times.push_back(seconds([&] { gradients.backward(); }));
        return forward + backward_times.back();
    };
    run(*fused, backwards.own);
    run(*peer, backwards.other);
    backwards = {};

    const double operations = kernels::attention::operations(problem) + backward_operations(problem);
    std::vector<double> shares;
    for (auto _ : state) {
        steps.sample(
            state, [&] { return run(*fused, backwards.own); }, [&] { return run(*peer, backwards.other); });
        shares.push_back(operations / steps.own.back() / peak_now());
    }
    steps.report(state, "step_peer/fused", "step_");
    backwards.report(state, "backward_peer/fused", "backward_");
    state.counters["step_ms"] = base::median(steps.own) * 1e3;
    state.counters["backward_ms"] = base::median(backwards.own) * 1e3;
    state.counters["share_of_peak"] = base::median(shares);
}

void register_all() {
    for (const Workload& workload : workloads) {
        bench::register_timed(std::string("kernel/") + workload.name,
                              [&workload](benchmark::State& state) { measure_kernel(state, workload); });
        if (nn::attention_gradient_names().empty()) continue;
        bench::register_timed(std::string("step/") + workload.name, [&workload](benchmark::State& state) { pair_steps(state, workload); });
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return plumb::bench::run_registered(argc, argv);
}
