// SPDX-License-Identifier: Apache-2.0
#include "families/compression/cpu_engine.h"

#include <algorithm>
#include <numeric>

#include "base/statistics.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;

/// Runs of tiny inputs are many, and a median of so many says it all.
constexpr std::size_t most_history = 5000;

std::size_t rounded_up(std::size_t bytes) {
    return (bytes + AlignedBytes::alignment - 1) / AlignedBytes::alignment * AlignedBytes::alignment;
}

/// A slot a chunk, large enough for whatever the codec may make of it.
std::vector<std::size_t> place_slots(const kc::Codec& codec, const std::vector<Span>& chunks) {
    std::vector<std::size_t> places(chunks.size() + 1);
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk)
        places[chunk + 1] = places[chunk] + rounded_up(codec.bound(chunks[chunk].size));
    return places;
}

}  // namespace

CpuEngine::CpuEngine(const kc::Codec& codec, EngineRequest request)
    : codec_(codec),
      request_(std::move(request)),
      places_(place_slots(codec, request_.chunks)),
      slots_(places_.back()),
      output_(request_.content->bytes.size()),
      sizes_(request_.chunks.size()),
      pool_(request_.workers) {
    for (std::size_t worker = 0; worker < request_.workers; ++worker) contexts_.push_back(codec.make(request_.options));
}

void CpuEngine::work(Direction direction, std::size_t worker, std::size_t chunk) {
    const Span& span = request_.chunks[chunk];
    kc::Worker& context = *contexts_[worker];
    if (direction == Direction::compress) {
        sizes_[chunk] = context.compress(request_.content->at(span), {slots_.data() + slot(chunk), slot(chunk + 1) - slot(chunk)});
    } else {
        context.decompress(compressed(chunk), {output_.data() + span.offset, span.size});
    }
}

void CpuEngine::run(Direction direction) {
    pool_.run(request_.chunks.size(), [this, direction](std::size_t worker, std::size_t chunk) { work(direction, worker, chunk); });
    double busy = 0, busiest = 0, cpu = 0;
    for (const WorkerUse& use : pool_.uses()) {
        busy += use.busy_seconds;
        busiest = std::max(busiest, use.busy_seconds);
        cpu += use.cpu_seconds;
    }
    const double mean = busy / static_cast<double>(pool_.workers());
    History& history = history_[static_cast<std::size_t>(direction)];
    if (history.utilisation.size() == most_history) return;
    history.utilisation.push_back(mean / pool_.wall_seconds());
    history.imbalance.push_back(busiest / mean);
    history.cpu_seconds.push_back(cpu);
}

kc::Bytes CpuEngine::decompressed(std::size_t chunk) {
    const Span& span = request_.chunks[chunk];
    return {output_.data() + span.offset, span.size};
}

void CpuEngine::spoil_output() {
    output_.spoil();
}

bool CpuEngine::stored(std::size_t chunk) {
    const std::size_t original = request_.chunks[chunk].size;
    return codec_.stored ? codec_.stored(compressed(chunk), original) : sizes_[chunk] >= original;
}

std::size_t CpuEngine::scratch_bytes() const {
    return std::accumulate(contexts_.begin(), contexts_.end(), std::size_t{0},
                           [](std::size_t sum, const auto& context) { return sum + context->scratch_bytes(); });
}

void CpuEngine::add_history(std::vector<lab::MetricValue>& metrics, Direction direction) const {
    const std::string prefix = direction == Direction::compress ? "compress_" : "decompress_";
    const History& history = history_[static_cast<std::size_t>(direction)];
    const auto add = [&](const std::string& name, const std::vector<double>& samples) {
        metrics.push_back(lab::estimate(prefix + name, base::median_interval(samples), samples.size()));
    };
    add("utilisation", history.utilisation);
    add("imbalance", history.imbalance);
    add("cpu_time", history.cpu_seconds);
}

void CpuEngine::add_counts(std::vector<lab::MetricValue>& metrics, Direction direction) {
    // One thread goes through all chunks: what a codec executes does not depend on who runs it.
    const auto counts = count([&] {
        for (std::size_t chunk = 0; chunk < request_.chunks.size(); ++chunk) work(direction, 0, chunk);
    });
    if (!counts) return;
    const std::string prefix = direction == Direction::compress ? "compress_" : "decompress_";
    const auto bytes = static_cast<double>(request_.content->bytes.size());
    metrics.push_back(lab::exact(prefix + "instructions", static_cast<double>(counts->instructions) / bytes));
    metrics.push_back(lab::exact(prefix + "cycles", static_cast<double>(counts->cycles) / bytes));
}

std::vector<lab::MetricValue> CpuEngine::metrics() {
    std::vector<lab::MetricValue> metrics = {lab::exact("scratch_memory", static_cast<double>(scratch_bytes()))};
    if (request_.options.level) metrics.push_back(lab::exact("used_level", *request_.options.level));
    for (const Direction direction : {Direction::compress, Direction::decompress}) {
        if (history_[static_cast<std::size_t>(direction)].utilisation.empty()) continue;
        add_history(metrics, direction);
        add_counts(metrics, direction);
    }
    return metrics;
}

}  // namespace plumb::families::compression
