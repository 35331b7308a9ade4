// SPDX-License-Identifier: Apache-2.0
// A whole step of training: forward, loss, backward, AdamW; the trainer of language models against the same models written plainly in
// LibTorch (nn/plain_language_trainer.h), with each plain form of the loss. One layer, batches of WikiText-2, no clipping.
//   step/...    both run in every iteration, in alternating order, on the same batch; `plain/plumb` is the median of the paired ratios with
//               its 95 % interval; above 1 means that plumb is faster. First it is checked that they have the same gradients and losses to
//               rounding, else the benchmark fails. `share` is plumb's share of the FMA peak, probed beside every step
//   memory/...  the most that two steps of each form hold beyond what was there before the first
// small/... are for development. At full size a pair takes about ten seconds, so a benchmark runs `pairs` of them:
//   language_step_bench --benchmark_filter=step/lstm/frozen/eager
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_watch.h"
#include "base/statistics.h"
#include "families/language/batches.h"
#include "families/language/corpus.h"
#include "families/language/operations.h"
#include "kernels/probe/peak.h"
#include "nn/attention_peers.h"
#include "nn/plain_language_trainer.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using families::language::Batch;

constexpr int threads = 2;
constexpr std::int64_t pairs = 6;
constexpr double rate = 1e-3;
bool failed = false;

struct Workload {
    std::string name;
    nn::Architecture architecture;
    bool trained;  ///< embeddings, and so the output layer
    bool small = false;

    nn::TrainerForm form() const {
        nn::TrainerForm form;
        form.model.architecture = architecture;
        form.model.train_embeddings = trained;
        form.optimizer = {.rule = kernels::optimizer::Rule::adamw, .decay = 5e-4};
        form.seed = 42;
        form.threads = threads;
        if (small) form.model.width = 96, form.model.hidden = 64, form.model.feed_forward = 128, form.model.context = 32;
        return form;
    }
    std::int64_t rows() const { return small ? 4 : 16; }
    std::int64_t length() const { return small ? 32 : 256; }
};

std::vector<Workload> workloads(bool small) {
    std::vector<Workload> all;
    for (const bool trained : {false, true}) {
        const std::string output = trained ? "trained" : "frozen";
        all.push_back({"lstm/" + output, nn::Architecture::lstm, trained, small});
        all.push_back({"gpt1/" + output, nn::Architecture::gpt1, trained, small});
    }
    return all;
}

/// Batches as a training has them.
class Batches {
  public:
    explicit Batches(const Workload& workload)
        : corpus_(families::language::load_corpus("wikitext-2/train.ids")),
          epochs_(families::language::cut(corpus_->line_sizes, {families::language::Break::stream, workload.length()}), workload.rows(),
                  1) {}
    const Batch& next() {
        batch_ = std::make_unique<Batch>(corpus_->ids, epochs_.at(step_++));
        return *batch_;
    }

  private:
    std::shared_ptr<const families::language::Corpus> corpus_;
    families::language::Epochs epochs_;
    std::unique_ptr<Batch> batch_;
    std::int64_t step_ = 0;
};

double own_step(nn::LanguageTrainer& trainer, const Batch& batch) {
    const nn::TokenBatch pieces[] = {batch.view()};
    return trainer.step(pieces, rate).loss;
}

/// |ours - plain| / |plain| of each gradient as one vector; the largest of all parameters.
double worst_difference(nn::LanguageTrainer& trainer, nn::PlainLanguageTrainer& plain, const Batch& batch) {
    const auto ours = trainer.gradients(batch.view());
    double worst = 0;
    for (const auto& [name, numbers] : plain.gradients(batch.view())) {
        double difference = 0, length = 0;
        const std::vector<float>& own = ours.at(name);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            difference += (static_cast<double>(own[i]) - numbers[i]) * (static_cast<double>(own[i]) - numbers[i]);
            length += numbers[i] * numbers[i];
        }
        worst = std::max(worst, std::sqrt(difference / length));
    }
    return worst;
}

void pair_steps(benchmark::State& state, const Workload& workload, const std::string& loss) {
    const auto trainer = nn::make_language_trainer(workload.form());
    const auto plain = nn::make_plain_language_trainer(workload.form(), *trainer, loss);
    Batches batches(workload);
    // A gradient is a sum of some thousand terms that each side rounds in an order of its own: 1e-5 is a hundred units in the last place.
    const double gradients = worst_difference(*trainer, *plain, batches.next());
    double losses = 0;
    for (int step = 0; step < 2; ++step) {  // also the first calls, which take memory
        const Batch& batch = batches.next();
        const double own = own_step(*trainer, batch);
        losses = std::max(losses, std::abs(plain->step(batch.view(), rate) - own) / own);
    }
    state.counters["gradient_difference"] = gradients;
    state.counters["loss_difference"] = losses;
    if (!(gradients < 1e-5 && losses < 1e-5)) {
        failed = true;
        state.SkipWithError("loss and gradients are not those of the plain form");
        return;
    }
    bench::Pairs steps;
    std::vector<double> shares;
    for (auto _ : state) {
        const Batch& batch = batches.next();
        double peak = 0;
        const auto run_own = [&] {
            peak = families::language::measure_peak(threads) / 2;
            const double time = seconds([&] { own_step(*trainer, batch); });
            peak += families::language::measure_peak(threads) / 2;
            return time;
        };
        steps.sample(state, run_own, [&] { return seconds([&] { plain->step(batch.view(), rate); }); });
        const double operations =
            families::language::training_operations(workload.form().model, batch.view().rows, batch.view().length, batch.predictions());
        shares.push_back(operations / steps.own.back() / peak);
    }
    steps.report(state, "plain/plumb");
    state.counters["plumb_s"] = base::median(steps.own);
    state.counters["plumb_min_s"] = std::ranges::min(steps.own);
    state.counters["plain_s"] = base::median(steps.other);
    state.counters["plain_min_s"] = std::ranges::min(steps.other);
    state.counters["share"] = base::median(shares);
}

/// `loss` empty: plumb's own.
void measure_memory(benchmark::State& state, const Workload& workload, const std::string& loss) {
    auto trainer = nn::make_language_trainer(workload.form());
    const auto plain = loss.empty() ? nullptr : nn::make_plain_language_trainer(workload.form(), *trainer, loss);
    if (plain) trainer.reset();
    Batches batches(workload);
    const Batch& batch = batches.next();
    const auto step = [&] { plain ? plain->step(batch.view(), rate) : own_step(*trainer, batch); };
    for (auto _ : state) {
        const base::MemoryWatch watch;
        state.SetIterationTime(seconds([&] { step(), step(); }));
        state.counters["peak_MB"] = static_cast<double>(watch.peak().value_or(-1'000'000)) / 1e6;
    }
}

void register_all() {
    std::vector<std::string> losses = nn::plain_loss_names();
    // First, while the process is small: what an earlier form freed could be taken again without being seen. Better still alone.
    for (const Workload& workload : workloads(false)) {
        losses.insert(losses.begin(), "");
        for (const std::string& loss : losses)
            bench::register_timed("memory/" + workload.name + "/" + (loss.empty() ? "plumb" : loss), [=](benchmark::State& state) {
                measure_memory(state, workload, loss);
            })->Iterations(1);
        losses.erase(losses.begin());
    }
    for (const bool small : {true, false}) {
        for (const Workload& workload : workloads(small)) {
            for (const std::string& loss : losses)
                bench::register_timed((small ? "small/" : "step/") + workload.name + "/" + loss, [=](benchmark::State& state) {
                    pair_steps(state, workload, loss);
                })->Iterations(pairs);
        }
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    if (!plumb::nn::torch_version().empty()) plumb::register_all();
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return std::max(plumb::bench::run_registered(argc, argv), plumb::failed ? 1 : 0);
}
