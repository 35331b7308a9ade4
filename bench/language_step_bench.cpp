// SPDX-License-Identifier: Apache-2.0
// A whole step of training: forward, loss, backward, AdamW; the trainer of language models against the same models written plainly in
// LibTorch (nn/plain_language_trainer.h) with the plain forms of the loss. One layer, batches of WikiText-2, no clipping.
//   step/...    all run in every iteration, in alternating order, on the same batch; FORM/plumb is the median of the paired ratios with its
//               95 % interval; above 1 means that plumb is faster. The label names the fastest plain form. First it is checked that all
//               have the same gradients and losses to rounding, else the benchmark fails. `share` is plumb's share of the FMA peak, probed
//               beside every step. .../all runs every form, .../FORM one; an iteration takes 10 to 40 s
//   memory/...  the most that two steps of each form hold beyond what was there before the first; each best in a process of its own
//   small/...   for development
// Useful: --benchmark_filter=step/lstm/frozen/log_softmax
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <map>
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
constexpr std::int64_t iterations = 3;
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
double worst_difference(const std::map<std::string, std::vector<float>>& ours, const std::map<std::string, std::vector<double>>& plain) {
    double worst = 0;
    for (const auto& [name, numbers] : plain) {
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

/// A plain form, its times, and how far its numbers are from plumb's.
struct Peer {
    std::string name;
    std::unique_ptr<nn::PlainLanguageTrainer> trainer;
    std::vector<double> times;
    double gradient_difference = 0, loss_difference = 0;
};

std::vector<Peer> make_peers(const Workload& workload, nn::LanguageTrainer& trainer, const std::vector<std::string>& losses) {
    std::vector<Peer> peers;
    for (const std::string& name : losses) {
        peers.push_back({name, nn::make_plain_language_trainer(workload.form(), trainer, name), {}});
    }
    return peers;
}

/// Also the first calls, which take memory. A gradient is a sum of some thousand terms that each side rounds in an order of its own: 1e-5
/// is a hundred units in the last place.
bool agree(nn::LanguageTrainer& trainer, std::vector<Peer>& peers, Batches& batches) {
    const Batch& batch = batches.next();
    const auto gradients = trainer.gradients(batch.view());
    for (int step = 0; step < 2; ++step) {
        const double own = step == 0 ? std::nan("") : own_step(trainer, batch);
        for (Peer& peer : peers) {
            if (step == 0)
                peer.gradient_difference = worst_difference(gradients, peer.trainer->gradients(batch.view()));
            else
                peer.loss_difference = std::abs(peer.trainer->step(batch.view(), rate) - own) / own;
        }
    }
    return std::ranges::all_of(peers, [](const Peer& peer) { return peer.gradient_difference < 1e-5 && peer.loss_difference < 1e-5; });
}

void compare_steps(benchmark::State& state, const Workload& workload, const std::vector<std::string>& losses) {
    const auto trainer = nn::make_language_trainer(workload.form());
    std::vector<Peer> peers = make_peers(workload, *trainer, losses);
    Batches batches(workload);
    const bool agreed = agree(*trainer, peers, batches);
    for (const Peer& peer : peers) {
        state.counters[peer.name + "_gradient_difference"] = peer.gradient_difference;
        state.counters[peer.name + "_loss_difference"] = peer.loss_difference;
    }
    if (!agreed) {
        failed = true;
        state.SkipWithError("loss and gradients are not those of the plain forms");
        return;
    }
    std::vector<double> own, shares;
    for (auto _ : state) {
        const Batch& batch = batches.next();
        double own_loss = 0;
        std::vector<double> peer_losses(peers.size());
        const auto run_own = [&] {
            const double before = families::language::measure_peak(threads);
            own.push_back(seconds([&] { own_loss = own_step(*trainer, batch); }));
            const double peak = (before + families::language::measure_peak(threads)) / 2;
            const double operations =
                families::language::training_operations(workload.form().model, batch.view().rows, batch.view().length, batch.predictions());
            shares.push_back(operations / own.back() / peak);
        };
        const bool own_first = own.size() % 2 == 0;
        if (own_first) run_own();
        for (std::size_t i = 0; i < peers.size(); ++i) {
            const std::size_t at = own_first ? i : peers.size() - 1 - i;
            peers[at].times.push_back(seconds([&] { peer_losses[at] = peers[at].trainer->step(batch.view(), rate); }));
        }
        if (!own_first) run_own();
        // Behind an update, which turns rounding into steps where a gradient is nearly nothing.
        failed = failed || std::ranges::any_of(peer_losses, [&](double loss) { return !(std::abs(loss - own_loss) < 1e-4 * own_loss); });
        state.SetIterationTime(own.back());
    }
    if (failed) state.SkipWithError("losses are not those of the plain forms");
    for (const Peer& peer : peers) {
        bench::Pairs{own, peer.times}.report(state, peer.name + "/plumb", peer.name + "_");
        state.counters[peer.name + "_s"] = base::median(peer.times);
        state.counters[peer.name + "_min_s"] = std::ranges::min(peer.times);
    }
    state.counters["plumb_s"] = base::median(own);
    state.counters["plumb_min_s"] = std::ranges::min(own);
    state.counters["share"] = base::median(shares);
    state.SetLabel("fastest: " + std::ranges::min_element(peers, {}, [](const Peer& peer) { return base::median(peer.times); })->name);
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
    const auto compare = [](const std::string& name, const Workload& workload, const std::vector<std::string>& forms) {
        bench::register_timed(name, [=](benchmark::State& state) { compare_steps(state, workload, forms); })->Iterations(iterations);
    };
    for (const Workload& workload : workloads(true)) compare("small/" + workload.name, workload, losses);
    for (const Workload& workload : workloads(false)) {
        compare("step/" + workload.name + "/all", workload, losses);
        for (const std::string& loss : losses) compare("step/" + workload.name + "/" + loss, workload, {loss});
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    if (!plumb::nn::torch_version().empty()) plumb::register_all();
    benchmark::AddCustomContext("LibTorch", plumb::nn::torch_version().empty() ? "absent" : plumb::nn::torch_version());
    return std::max(plumb::bench::run_registered(argc, argv), plumb::failed ? 1 : 0);
}
