// SPDX-License-Identifier: Apache-2.0
// plumb's own codecs against others in one process: all 64 KiB chunks of a file, both sides in every iteration, in alternating order.
// `speed/other` is throughput by throughput, median of the paired ratios with its 95 % interval; `ratio` and `other_ratio` are what the
// encoders make of the file. Aims: gdeflate decodes at 3 times nvcomp-gdeflate and not below libdeflate's DEFLATE, and encodes at twice
// nvcomp-gdeflate's level 1 and a ratio not below its.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/statistics.h"
#include "families/compression/input.h"
#include "kernels/codec/codec.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using families::compression::Content;
using families::compression::Span;
using kernels::codec::Codec;

constexpr std::size_t chunk_bytes = 65536;

struct Side {
    std::string codec;
    int level;
};

/// A codec at work on all chunks of a file, in one thread.
class Work {
  public:
    Work(const Side& side, std::shared_ptr<const Content> content)
        : content_(std::move(content)),
          codec_(kernels::codec::codec_named(side.codec)),
          chunks_(families::compression::cut(*content_, chunk_bytes)),
          sizes_(chunks_.size()),
          output_(content_->bytes.size()) {
        if (!codec_.missing.empty()) throw base::Error(base::ErrorKind::missing, codec_.name + ": " + codec_.missing);
        kernels::codec::Options options;
        options.level = side.level;
        worker_ = codec_.make(options);
        slot_bytes_ = codec_.bound(chunk_bytes);
        slots_.resize(chunks_.size() * slot_bytes_);
        compress();
        decompress();
        if (output_ != content_->bytes) throw base::Error(base::ErrorKind::failed, codec_.name + " does not give the input back");
    }

    void compress() {
        for (std::size_t i = 0; i < chunks_.size(); ++i)
            sizes_[i] = worker_->compress(content_->at(chunks_[i]), {slots_.data() + i * slot_bytes_, slot_bytes_});
    }
    void decompress() {
        for (std::size_t i = 0; i < chunks_.size(); ++i)
            worker_->decompress({slots_.data() + i * slot_bytes_, sizes_[i]}, {output_.data() + chunks_[i].offset, chunks_[i].size});
    }
    double ratio() const {
        std::size_t compressed = 0;
        for (const std::size_t size : sizes_) compressed += size;
        return static_cast<double>(output_.size()) / static_cast<double>(compressed);
    }
    std::size_t bytes() const { return output_.size(); }

  private:
    std::shared_ptr<const Content> content_;
    const Codec& codec_;
    std::vector<Span> chunks_;
    std::vector<std::size_t> sizes_;
    std::vector<std::uint8_t> output_;
    std::unique_ptr<kernels::codec::Worker> worker_;
    std::size_t slot_bytes_ = 0;
    std::vector<std::uint8_t> slots_;
};

void measure(benchmark::State& state, Work& own, Work& other, bool compress) {
    const auto run = [&](Work& work) { return seconds([&] { compress ? work.compress() : work.decompress(); }); };
    bench::Pairs pairs;
    for (auto _ : state)
        pairs.sample(
            state, [&] { return run(own); }, [&] { return run(other); });
    pairs.report(state, "speed/other");
    state.counters["MB/s"] = static_cast<double>(own.bytes()) / base::median(pairs.own) / 1e6;
    state.counters["other_MB/s"] = static_cast<double>(own.bytes()) / base::median(pairs.other) / 1e6;
    state.counters["ratio"] = own.ratio();
    state.counters["other_ratio"] = other.ratio();
}

void against(benchmark::State& state, const std::string& file, const Side& own_side, const Side& other_side, bool compress) {
    try {
        const auto content = families::compression::load_content(file, 0);
        Work own(own_side, content);
        Work other(other_side, content);
        measure(state, own, other, compress);
    } catch (const base::Error& error) {
        state.SkipWithError(error.what());
    }
}

void add(const std::string& file, const Side& own, const Side& other, bool compress) {
    const auto text = [](const Side& side) { return side.codec + std::to_string(side.level); };
    const std::string name = file + "/64KiB/" + (compress ? "compress/" : "decompress/") + text(own) + "/" + text(other);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { against(state, file, own, other, compress); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->MinTime(0.5);
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    for (const std::string file : {"silesia/dickens", "silesia/nci"}) {
        for (const int level : {1, 6}) {
            plumb::add(file, {"gdeflate", level}, {"nvcomp-gdeflate", level}, false);
            plumb::add(file, {"gdeflate", level}, {"deflate", level}, false);
        }
        plumb::add(file, {"gdeflate", 1}, {"nvcomp-gdeflate", 1}, true);
        plumb::add(file, {"gdeflate", 1}, {"deflate", 1}, true);
        plumb::add(file, {"gdeflate", 6}, {"nvcomp-gdeflate", 6}, true);
        plumb::add(file, {"gdeflate", 9}, {"nvcomp-gdeflate", 12}, true);
    }
    return plumb::bench::run_registered(argc, argv);
}
