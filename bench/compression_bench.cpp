// SPDX-License-Identifier: Apache-2.0
// What plumb's own machinery costs beside the codec: all chunks of dickens (64 KiB, zstd level 3) through a CpuEngine, against a bare loop
// over the same library, and two workers against one. Both sides run in every iteration, in alternating order. `engine/bare` is throughput
// by throughput, median of the paired ratios with its 95 % interval: 1 is no cost at all, the aim is 0.98. `two/one` aims at 1.9, which
// takes two cores that are idle and no two threads of one core.
#include <benchmark/benchmark.h>
#include <zstd.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/statistics.h"
#include "families/compression/engine.h"
#include "families/compression/input.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using families::compression::Content;
using families::compression::Engine;
using families::compression::Span;

constexpr std::size_t chunk_bytes = 65536;
constexpr int level = 3;

/// The shortest way to do what an engine does: no workers, no statistics, one buffer for all chunks.
class BareLoop {
  public:
    explicit BareLoop(std::shared_ptr<const Content> content)
        : content_(std::move(content)),
          chunks_(families::compression::cut(*content_, chunk_bytes)),
          slots_(chunks_.size() * ZSTD_compressBound(chunk_bytes)),
          sizes_(chunks_.size()),
          output_(content_->bytes.size()) {}

    void compress() {
        for (std::size_t i = 0; i < chunks_.size(); ++i) {
            const auto in = content_->at(chunks_[i]);
            sizes_[i] = ZSTD_compressCCtx(compressor_.get(), slot(i), ZSTD_compressBound(chunk_bytes), in.data(), in.size(), level);
        }
    }
    void decompress() {
        for (std::size_t i = 0; i < chunks_.size(); ++i)
            ZSTD_decompressDCtx(decompressor_.get(), output_.data() + chunks_[i].offset, chunks_[i].size, slot(i), sizes_[i]);
    }
    bool right() const { return output_ == content_->bytes; }

  private:
    std::uint8_t* slot(std::size_t i) { return slots_.data() + i * ZSTD_compressBound(chunk_bytes); }

    std::shared_ptr<const Content> content_;
    std::vector<Span> chunks_;
    std::vector<std::uint8_t> slots_;
    std::vector<std::size_t> sizes_;
    std::vector<std::uint8_t> output_;
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressor_{ZSTD_createCCtx(), &ZSTD_freeCCtx};
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompressor_{ZSTD_createDCtx(), &ZSTD_freeDCtx};
};

std::unique_ptr<Engine> make_engine(const std::shared_ptr<const Content>& content, std::size_t workers) {
    families::compression::EngineRequest request;
    request.device = "cpu";
    request.codec = "zstd";
    request.options.level = level;
    request.workers = workers;
    request.content = content;
    request.chunks = families::compression::cut(*content, chunk_bytes);
    auto engine = families::compression::make_engine(request);
    engine->compress();
    engine->decompress();
    return engine;
}

/// Runs both in turn; the counter is baseline time by candidate time.
void pair(benchmark::State& state, const char* counter, const std::function<void()>& candidate, const std::function<void()>& baseline,
          std::size_t bytes) {
    bench::Pairs pairs;
    for (auto _ : state)
        pairs.sample(
            state, [&] { return seconds(candidate); }, [&] { return seconds(baseline); });
    pairs.report(state, counter);
    state.counters["MB/s"] = static_cast<double>(bytes) / base::median(pairs.own) / 1e6;
}

void against_bare_loop(benchmark::State& state, bool compress) {
    const auto content = families::compression::load_content("silesia/dickens", 0);
    const auto engine = make_engine(content, 1);
    BareLoop bare(content);
    bare.compress();
    bare.decompress();
    if (!bare.right()) state.SkipWithError("the bare loop does not give the input back");
    pair(
        state, "engine/bare", [&] { compress ? engine->compress() : engine->decompress(); },
        [&] { compress ? bare.compress() : bare.decompress(); }, content->bytes.size());
}

void two_workers(benchmark::State& state, bool compress) {
    const auto content = families::compression::load_content("silesia/dickens", 0);
    const auto one = make_engine(content, 1);
    const auto two = make_engine(content, 2);
    pair(
        state, "two/one", [&] { compress ? two->compress() : two->decompress(); }, [&] { compress ? one->compress() : one->decompress(); },
        content->bytes.size());
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    using plumb::against_bare_loop, plumb::two_workers;
    const auto add = [](const char* name, auto* function, bool compress) {
        benchmark::RegisterBenchmark(name, function, compress)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(3);
    };
    add("zstd3/dickens/64KiB/compress/engine", &against_bare_loop, true);
    add("zstd3/dickens/64KiB/decompress/engine", &against_bare_loop, false);
    add("zstd3/dickens/64KiB/compress/two-workers", &two_workers, true);
    add("zstd3/dickens/64KiB/decompress/two-workers", &two_workers, false);
    return plumb::bench::run_registered(argc, argv);
}
