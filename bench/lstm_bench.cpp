// SPDX-License-Identifier: Apache-2.0
// The LSTM layer. kernel/...: forward(), backward() and backward() without its large products (what has to go step by step), as shares of
// the machine's FMA peak, measured beside every sample. step/...: forward and backward through LibTorch's autograd, plumb's function paired
// with at::lstm in training mode in one process: both run in every iteration, in alternating order, and `step_peer/plumb` is the median of
// the paired ratios with its 95 % interval; above 1 means that plumb is faster. Workloads that end in `ids` read rows of a table of 40,479
// by ids of which 1,523 are distinct, as a batch of WikiText-2 has them; frozen: the table has no gradient. Useful: --benchmark_filter=step
// --benchmark_min_time=4
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/statistics.h"
#include "kernels/lstm/lstm.h"
#include "kernels/probe/peak.h"
#include "nn/attention_peers.h"
#include "nn/lstm_gradients.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::lstm::Layer;
using kernels::lstm::Shape;

constexpr std::uint64_t seed = 1;
constexpr std::int64_t table_rows = 40479;
constexpr std::int64_t distinct_ids = 1523;

struct Workload {
    const char* name;
    Shape shape;
    int threads;
    bool by_ids = false;
    bool frozen = false;
};

const Workload workloads[] = {
    {"B16/T256/I768/H512/1thread", {16, 256, 768, 512}, 1},
    {"B16/T256/I768/H512/2threads", {16, 256, 768, 512}, 2},
    {"B16/T256/I768/H512/1thread/ids", {16, 256, 768, 512}, 1, true},
    {"B16/T256/I768/H512/2threads/ids", {16, 256, 768, 512}, 2, true},
    {"B16/T256/I768/H512/1thread/ids/frozen", {16, 256, 768, 512}, 1, true, true},
    {"B16/T256/I768/H512/2threads/ids/frozen", {16, 256, 768, 512}, 2, true, true},
    {"B64/T64/I256/H256/1thread", {64, 64, 256, 256}, 1},
    {"B1/T256/I768/H512/1thread", {1, 256, 768, 512}, 1},
};

/// Those of the gradient by the rows of the input.
double row_operations(const Layer& layer) {
    return 2.0 * static_cast<double>(layer.input.rows) * static_cast<double>(layer.shape.input * 4 * layer.shape.hidden);
}

/// Operations a second of the probe, measured for some ms.
double peak_now(int threads) {
    double operations = 0;
    const double time = seconds([&] { operations = kernels::probe::fma_fp32(2000, threads); });
    return operations / time;
}

struct Data {
    explicit Data(const Workload& workload) : shape(workload.shape), threads(workload.threads), frozen(workload.frozen) {
        const base::RandomStream random(seed, "lstm_bench");
        const float bound = 1 / std::sqrt(static_cast<float>(shape.hidden));
        const auto draw = [&](std::int64_t count, float most) {
            std::vector<float> numbers(static_cast<std::size_t>(count));
            random.fill_uniform(numbers, -most, most, drawn);
            drawn += numbers.size();
            return numbers;
        };
        const std::int64_t positions = shape.batch * shape.steps;
        x = draw((workload.by_ids ? table_rows : positions) * shape.input, 1);
        w_ih = draw(4 * shape.hidden * shape.input, bound);
        w_hh = draw(4 * shape.hidden * shape.hidden, bound);
        b_ih = draw(4 * shape.hidden, bound);
        b_hh = draw(4 * shape.hidden, bound);
        dh = draw(positions * shape.hidden, 1);
        if (!workload.by_ids) return;
        for (std::int64_t n = 0; n < positions; ++n) ids.push_back(n % distinct_ids * (table_rows / distinct_ids));
        distinct = kernels::lstm::distinct_rows(ids, table_rows);
    }

    Layer layer() const {
        Layer made;
        made.shape = shape;
        made.input = {.data = x.data(), .rows = shape.batch * shape.steps};
        if (!ids.empty())
            made.input = {x.data(), static_cast<std::int64_t>(distinct.stored.size()), distinct.stored.data(), distinct.row_of.data()};
        made.weights = {w_ih.data(), w_hh.data(), b_ih.data(), b_hh.data()};
        made.threads = threads;
        return made;
    }

    nn::LstmProblem problem() const {
        nn::LstmProblem made;
        made.layer = layer();
        made.upstream = {.h_BTH = dh.data()};
        made.rows_wanted = !frozen;
        if (ids.empty()) return made;
        made.layer.input = {.data = x.data(), .rows = table_rows};
        made.ids_BT = ids.data();
        return made;
    }

    Shape shape;
    int threads;
    bool frozen;
    std::uint64_t drawn = 0;
    std::vector<float> x, w_ih, w_hh, b_ih, b_hh, dh;
    std::vector<std::int64_t> ids;
    kernels::lstm::DistinctRows distinct;
};

/// Times of one part and its operations as shares of the peak beside each.
struct Part {
    void sample(double operations, int threads, const std::function<void()>& action) {
        times.push_back(seconds(action));
        shares.push_back(operations / times.back() / peak_now(threads));
    }
    void report(benchmark::State& state, const std::string& name) const {
        state.counters[name + "_ms"] = base::median(times) * 1e3;
        state.counters[name + "_share_of_peak"] = base::median(shares);
    }

    std::vector<double> times;
    std::vector<double> shares;
};

void measure_kernel(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const Layer layer = data.layer();
    const Shape& s = data.shape;
    const auto make = [](std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count)); };
    std::vector<float> gates = make(gate_floats(s)), cells = make(cell_floats(s)), h = make(s.batch * s.steps * s.hidden);
    std::vector<float> rows = make(layer.input.rows * s.input), w_ih = make(4 * s.hidden * s.input), w_hh = make(4 * s.hidden * s.hidden);
    std::vector<float> b = make(4 * s.hidden);
    const kernels::lstm::Trace trace{gates.data(), cells.data()};
    const kernels::lstm::Upstream upstream{.h_BTH = data.dh.data()};
    const double recurrence = 2.0 * static_cast<double>(s.batch * s.steps * 4 * s.hidden * s.hidden);
    Part forward, backward, backward_steps;
    for (auto _ : state) {
        forward.sample(forward_operations(layer), layer.threads, [&] { kernels::lstm::forward(layer, trace, {.h_BTH = h.data()}); });
        backward.sample(backward_operations(layer) - (data.frozen ? row_operations(layer) : 0), layer.threads, [&] {
            kernels::lstm::backward(
                layer, trace, h.data(), upstream,
                {.rows_RI = data.frozen ? nullptr : rows.data(), .w_ih_GI = w_ih.data(), .w_hh_GH = w_hh.data(), .b_G = b.data()});
        });
        backward_steps.sample(recurrence, layer.threads,
                              [&] { kernels::lstm::backward(layer, trace, h.data(), upstream, {.b_G = b.data()}); });
        state.SetIterationTime(forward.times.back() + backward.times.back());
    }
    forward.report(state, "forward");
    backward.report(state, "backward");
    backward_steps.report(state, "backward_steps");
}

void pair_steps(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const auto plumb = nn::make_lstm_gradients("plumb", data.problem());
    const auto peer = nn::make_lstm_gradients("libtorch", data.problem());
    bench::Pairs steps, forwards;
    const auto run = [](nn::LstmGradients& gradients, std::vector<double>& forward_times) {
        forward_times.push_back(seconds([&] { gradients.forward(); }));
        return forward_times.back() + seconds([&] { gradients.backward(); });
    };
    run(*plumb, forwards.own);
    run(*peer, forwards.other);
    forwards = {};

    const Layer layer = data.layer();
    const double operations = forward_operations(layer) + backward_operations(layer) - (data.frozen ? row_operations(layer) : 0);
    std::vector<double> shares;
    for (auto _ : state) {
        steps.sample(
            state, [&] { return run(*plumb, forwards.own); }, [&] { return run(*peer, forwards.other); });
        shares.push_back(operations / steps.own.back() / peak_now(workload.threads));
    }
    steps.report(state, "step_peer/plumb", "step_");
    forwards.report(state, "forward_peer/plumb", "forward_");
    state.counters["step_ms"] = base::median(steps.own) * 1e3;
    state.counters["forward_ms"] = base::median(forwards.own) * 1e3;
    state.counters["share_of_peak"] = base::median(shares);
}

void register_all() {
    for (const Workload& workload : workloads) {
        bench::register_timed(std::string("kernel/") + workload.name,
                              [&workload](benchmark::State& state) { measure_kernel(state, workload); });
        if (nn::lstm_gradient_names().empty()) continue;
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
