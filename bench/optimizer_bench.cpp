// SPDX-License-Identifier: Apache-2.0
// A step of an optimizer over flat parameters, paired with LibTorch's fused kernel in one process: both run in every iteration, in
// alternating order, each on numbers of its own. `peer/plumb` is the median of the paired ratios with its 95 % interval; above 1 means that
// plumb is faster. GB/s counts what a step must read and write (28 bytes a number for Adam); `norm_ms` is the gradient norm beside it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/statistics.h"
#include "kernels/optimizer/optimizer.h"
#include "nn/attention_peers.h"
#include "nn/optimizer_peer.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::optimizer::Form;
using kernels::optimizer::Parameter;
using kernels::optimizer::Rule;

constexpr double rate = 1e-3;

struct Workload {
    const char* name;
    Rule rule;
    std::int64_t count;
    int threads;
};

/// 7.09 million: a block of GPT-1; 31.1 million: a trainable embedding of 40,479 ids.
const Workload workloads[] = {
    {"adamw/7.09M/1thread", Rule::adamw, 7'090'000, 1},       {"adamw/7.09M/2threads", Rule::adamw, 7'090'000, 2},
    {"adamw/31.1M/1thread", Rule::adamw, 31'100'000, 1},      {"adamw/31.1M/2threads", Rule::adamw, 31'100'000, 2},
    {"momentum/7.09M/1thread", Rule::momentum, 7'090'000, 1}, {"sgd/7.09M/1thread", Rule::sgd, 7'090'000, 1},
};

struct Data {
    explicit Data(std::int64_t count) : values(count), gradients(count), first(count), second(count) {
        base::RandomStream(1, "optimizer_bench").fill_uniform(values, -1, 1);
        base::RandomStream(2, "optimizer_bench").fill_uniform(gradients, -1, 1);
    }
    Parameter parameter() {
        return {values.data(), gradients.data(), first.data(), second.data(), static_cast<std::int64_t>(values.size())};
    }

    std::vector<float> values, gradients, first, second;
};

void measure(benchmark::State& state, const Workload& workload) {
    const Form form{.rule = workload.rule, .decay = 0.01};
    Data own(workload.count);
    Data other(workload.count);
    const std::vector<Parameter> own_parameters = {own.parameter()};
    const std::vector<Parameter> other_parameters = {other.parameter()};
    const auto peer = nn::torch_version().empty() ? nullptr : nn::make_optimizer_peer(form, other_parameters, workload.threads);
    std::int64_t step = 0;
    bench::Pairs pairs;
    std::vector<double> norms;
    for (auto _ : state) {
        ++step;
        const auto run = [&] { return seconds([&] { update(form, own_parameters, rate, 1, step, workload.threads); }); };
        const auto run_peer = [&] { return seconds([&] { peer->update(rate, step); }); };
        if (peer == nullptr) {
            pairs.own.push_back(run());
            state.SetIterationTime(pairs.own.back());
        } else {
            pairs.sample(state, run, run_peer);
        }
        norms.push_back(seconds([&] { benchmark::DoNotOptimize(gradient_norm(own_parameters, workload.threads)); }));
    }
    const double bytes = (3 + 2 * kernels::optimizer::moments_of(workload.rule)) * 4.0 * static_cast<double>(workload.count);
    state.counters["GB/s"] = bytes / base::median(pairs.own) / 1e9;
    state.counters["norm_ms"] = base::median(norms) * 1e3;
    if (peer != nullptr) pairs.report(state, "peer/plumb");
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    for (const plumb::Workload& workload : plumb::workloads) {
        plumb::bench::register_timed(workload.name, [&workload](benchmark::State& state) { plumb::measure(state, workload); });
    }
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return plumb::bench::run_registered(argc, argv);
}
