// SPDX-License-Identifier: Apache-2.0
// The codec cascaded on one core: 64 MiB of each data set below in chunks of 64 KiB and 1 MiB, both directions, each beside a memcpy of the
// same bytes, in alternating order. GB/s counts original bytes, from the median; `share_of_memcpy` is the median of the paired ratios.
// Data sets are named kind/element; default options unless they say otherwise. Useful: --benchmark_filter=avx2/.*1MiB
//
//   sorted      each number 0 to 15 above the last, all equally likely     runs        1 to 64 equal numbers, of eight values
//   stamps      runs of 1 to 16 of a number that grows by 1 to 1000        zeros       one run
//   walk        each number 0 to 2^30 - 1 above the last                   noise       all bits random: stored raw
//   shortruns   runs of 1 to 8                                             alternating two numbers in turn
//   mixedruns   runs of 1 or 5, at random, of a number that grows by 1 to 9: half of the groups of four runs are not short
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/statistics.h"
#include "kernels/codec/codec.h"
#include "kernels/isa.h"
#include "paired.h"

namespace plumb {
namespace {

using bench::seconds;
using kernels::codec::Codec;
using kernels::codec::codec_named;
using kernels::codec::Element;
using kernels::codec::Options;
using kernels::codec::Worker;
using ByteVector = std::vector<std::uint8_t>;

constexpr std::uint64_t seed = 1;
constexpr std::size_t total_bytes = std::size_t{64} << 20;
constexpr int rounds = 9;

/// The number after `last`, and how often it stands there.
struct Run {
    std::uint64_t value = 0;
    std::size_t length = 1;
};
using Generator = Run (*)(std::uint64_t last, const base::RandomStream& random, std::uint64_t index);

struct DataSet {
    const char* kind;
    Generator next;
};
const DataSet data_sets[] = {
    {"sorted",
     [](auto last, auto& random, auto i) -> Run {
         return {last + random.below(i, 16), 1};
     }},
    {"runs",
     [](auto, auto& random, auto i) -> Run {
         return {random.below(2 * i, 8) * 1000003, 1 + random.below(2 * i + 1, 64)};
     }},
    {"stamps",
     [](auto last, auto& random, auto i) -> Run {
         return {last + 1 + random.below(2 * i, 1000), 1 + random.below(2 * i + 1, 16)};
     }},
    {"noise",
     [](auto, auto& random, auto i) -> Run {
         return {random.bits(i), 1};
     }},
    {"walk",
     [](auto last, auto& random, auto i) -> Run {
         return {last + (random.bits(i) >> 34), 1};
     }},
    {"zeros",
     [](auto, auto&, auto) -> Run {
         return {0, 4096};
     }},
    {"alternating",
     [](auto, auto&, auto i) -> Run {
         return {i % 2 == 0 ? 3U : 70000000U, 1};
     }},
    {"shortruns",
     [](auto, auto& random, auto i) -> Run {
         return {random.below(2 * i, 1000), 1 + random.below(2 * i + 1, 8)};
     }},
    {"mixedruns",
     [](auto last, auto& random, auto i) -> Run {
         return {last + 1 + random.below(2 * i, 9), random.below(2 * i + 1, 2) * 4 + 1};
     }},
};

ByteVector make_data(const DataSet& set, std::size_t element_bytes) {
    const base::RandomStream random(seed, set.kind);
    ByteVector bytes(total_bytes);
    Run run;
    std::size_t left = 0;
    std::uint64_t index = 0;
    for (std::size_t at = 0; at < total_bytes; at += element_bytes, --left) {
        if (left == 0) {
            run = set.next(run.value, random, index++);
            left = run.length;
        }
        std::memcpy(bytes.data() + at, &run.value, element_bytes);
    }
    return bytes;
}

/// One data set cut into chunks, both directions.
class Chunks {
  public:
    Chunks(ByteVector data, std::size_t chunk_bytes, const Options& options)
        : codec_(codec_named("cascaded")),
          worker_(codec_.make(options)),
          data_(std::move(data)),
          chunk_bytes_(chunk_bytes),
          slot_bytes_(codec_.bound(chunk_bytes)),
          slots_(total_bytes / chunk_bytes * slot_bytes_),
          sizes_(total_bytes / chunk_bytes),
          output_(total_bytes) {}

    void compress() {
        for (std::size_t c = 0; c < sizes_.size(); ++c)
            sizes_[c] = worker_->compress({data_.data() + c * chunk_bytes_, chunk_bytes_}, {slots_.data() + c * slot_bytes_, slot_bytes_});
    }
    void decompress() {
        for (std::size_t c = 0; c < sizes_.size(); ++c)
            worker_->decompress({slots_.data() + c * slot_bytes_, sizes_[c]}, {output_.data() + c * chunk_bytes_, chunk_bytes_});
    }
    void copy() {
        for (std::size_t c = 0; c < sizes_.size(); ++c)
            std::memcpy(output_.data() + c * chunk_bytes_, data_.data() + c * chunk_bytes_, chunk_bytes_);
        benchmark::ClobberMemory();
    }
    bool right() const { return output_ == data_; }
    double ratio() const {
        double compressed = 0;
        for (const std::size_t size : sizes_) compressed += static_cast<double>(size);
        return static_cast<double>(total_bytes) / compressed;
    }

  private:
    const Codec& codec_;
    std::unique_ptr<Worker> worker_;
    ByteVector data_;
    std::size_t chunk_bytes_;
    std::size_t slot_bytes_;
    ByteVector slots_;
    std::vector<std::size_t> sizes_;
    ByteVector output_;
};

void measure(benchmark::State& state, const DataSet& set, Element element, const Options& options, std::size_t chunk_bytes, bool compress,
             kernels::Isa isa) {
    kernels::set_isa(isa);
    Chunks chunks(make_data(set, kernels::codec::size_of(element)), chunk_bytes, options);
    chunks.compress();
    chunks.decompress();
    if (!chunks.right()) state.SkipWithError("the round trip does not give the input back");
    bench::Pairs pairs;
    for (auto _ : state) {
        pairs.sample(
            state, [&] { return seconds([&] { compress ? chunks.compress() : chunks.decompress(); }); },
            [&] { return seconds([&] { chunks.copy(); }); });
    }
    kernels::reset_isa();
    state.counters["GB/s"] = static_cast<double>(total_bytes) / base::median(pairs.own) / 1e9;
    state.counters["share_of_memcpy"] = base::paired_ratio(pairs.other, pairs.own).value;
    state.counters["ratio"] = chunks.ratio();
}

void add(const std::string& name, const DataSet& set, Element element, const Options& options) {
    for (const kernels::Isa isa : kernels::available_isas()) {
        for (const std::size_t chunk_bytes : {std::size_t{64} << 10, std::size_t{1} << 20}) {
            for (const bool compress : {true, false}) {
                const std::string full = std::string(kernels::name(isa)) + "/" + name + (chunk_bytes == 1 << 20 ? "/1MiB" : "/64KiB") +
                                         (compress ? "/compress" : "/decompress");
                benchmark::RegisterBenchmark(
                    full.c_str(), [=, &set](benchmark::State& state) { measure(state, set, element, options, chunk_bytes, compress, isa); })
                    ->UseManualTime()
                    ->Unit(benchmark::kMillisecond)
                    ->Iterations(rounds);
            }
        }
    }
}

void register_all() {
    for (const DataSet& set : data_sets) {
        for (const Element element : {Element::i8, Element::i16, Element::i32, Element::i64}) {
            const std::string name = std::string(set.kind) + "/" + std::string(kernels::codec::name(element));
            Options options;
            options.element = element;
            add(name, set, element, options);
            options.rle = 7;
            options.delta = 3;
            add(name + "/rle7-delta3", set, element, options);
        }
        Options options;
        options.automatic = true;
        add(std::string(set.kind) + "/automatic", set, Element::i32, options);
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    return plumb::bench::run_registered(argc, argv);
}
