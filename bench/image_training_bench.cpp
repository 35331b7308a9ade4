// SPDX-License-Identifier: Apache-2.0
// Training image classifiers. pair/...: epochs of ImageClassifier paired with the same loop written plainly in LibTorch (torch::nn modules,
// torch::optim::SGD; nn/plain_image_loop.h) in one process: both run in every iteration, in alternating order, and `plain/plumb` is the
// median of the paired ratios with its 95 % interval; above 1 means that plumb is faster. Both have their images in memory, channels-last.
// own/...: images a second of training and of scoring. Useful: --benchmark_filter=pair --benchmark_min_time=8
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "nn/attention_peers.h"
#include "nn/plain_image_loop.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;

struct Workload {
    const char* name;
    const char* network;
    std::int64_t side;
    std::int64_t images;
    std::int64_t batch;
    int threads;
    base::Dtype precision = base::Dtype::fp32;
};

const Workload pairs[] = {
    {"resnet18/64px/batch64/2threads", "resnet18", 64, 128, 64, 2},
    {"resnet18/64px/batch64/1thread", "resnet18", 64, 64, 64, 1},
    {"resnet18/64px/batch64/2threads/bf16", "resnet18", 64, 64, 64, 2, base::Dtype::bf16},
};
const Workload alone[] = {
    {"cnn/64px/batch64/2threads", "cnn", 64, 256, 64, 2},
    {"resnet18/64px/batch64/2threads", "resnet18", 64, 128, 64, 2},
    {"resnet50/224px/batch8/2threads", "resnet50", 224, 8, 8, 2},
};

struct Data {
    explicit Data(const Workload& workload) : side(workload.side) {
        const base::RandomStream random(1, "image_training_bench");
        pixels.resize(static_cast<std::size_t>(workload.images * side * side) * 3);
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(random.below(i, 256));
        for (std::int64_t i = 0; i < workload.images; ++i) {
            examples.push_back({i, static_cast<std::int32_t>(i % 3), 1});
            samples.push_back(i);
        }
        form.network = workload.network;
        form.classes = 3;
        form.batch = workload.batch;
        form.threads = workload.threads;
        form.precision = workload.precision;
    }
    nn::ImageSet set() const { return {pixels, side, side}; }

    std::int64_t side;
    std::vector<std::uint8_t> pixels;
    std::vector<nn::ImageExample> examples;
    std::vector<std::int64_t> samples;
    nn::ImageClassifierForm form;
};

void pair_epochs(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const auto plumb = nn::make_image_classifier(data.form);
    const auto plain = nn::make_plain_image_loop(data.form, *plumb, data.set());
    const auto run_plumb = [&] { return seconds([&] { plumb->epoch(data.set(), data.examples); }); };
    const auto run_plain = [&] { return seconds([&] { plain->epoch(data.examples); }); };
    run_plumb(), run_plain();
    bench::Pairs epochs;
    for (auto _ : state) epochs.sample(state, run_plumb, run_plain);
    epochs.report(state, "plain/plumb");
    state.counters["images/s"] = static_cast<double>(workload.images) / base::median(epochs.own);
    state.SetLabel(plumb->arithmetic());
}

void measure_alone(benchmark::State& state, const Workload& workload) {
    const Data data(workload);
    const auto classifier = nn::make_image_classifier(data.form);
    std::vector<float> logits(data.samples.size() * 3);
    classifier->epoch(data.set(), data.examples);
    std::vector<double> training, scoring;
    for (auto _ : state) {
        training.push_back(seconds([&] { classifier->epoch(data.set(), data.examples); }));
        scoring.push_back(seconds([&] { classifier->scores(data.set(), data.samples, logits); }));
        state.SetIterationTime(training.back());
    }
    state.counters["images/s"] = static_cast<double>(workload.images) / base::median(training);
    state.counters["scored/s"] = static_cast<double>(workload.images) / base::median(scoring);
}

void register_all() {
    const auto add = [](const char* kind, const Workload& workload, auto measure) {
        bench::register_timed(std::string(kind) + workload.name,
                              [&workload, measure](benchmark::State& state) { measure(state, workload); });
    };
    if (nn::torch_version().empty()) return;
    for (const Workload& workload : pairs) add("pair/", workload, pair_epochs);
    for (const Workload& workload : alone) add("own/", workload, measure_alone);
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return plumb::bench::run_registered(argc, argv);
}
