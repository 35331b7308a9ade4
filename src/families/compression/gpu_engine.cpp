// SPDX-License-Identifier: Apache-2.0
#include "families/compression/gpu_engine.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/statistics.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;

/// Runs of tiny inputs are many, and a median of so many says it all.
constexpr std::size_t most_history = 5000;
constexpr int transfers = 7;

std::size_t index(Direction direction) {
    return static_cast<std::size_t>(direction);
}

std::string prefix(Direction direction) {
    return direction == Direction::compress ? "compress_" : "decompress_";
}

}  // namespace

GpuEngine::GpuEngine(const kc::NvcompBatchedCodec& codec, std::size_t ordinal, EngineRequest request, const Gpu& gpu)
    : codec_(codec),
      functions_(gpu.nvcomp.codecs.at(codec.facts.name)),
      request_(std::move(request)),
      compression_(codec.compression(request_.options)),
      device_(gpu.cuda, ordinal),
      device_name_(gpu.cuda.devices[ordinal]),
      batch_(device_, *request_.content, request_.chunks, ask_layout()),
      sizes_(request_.chunks.size()) {
    batch_.stage_input();
    batch_.upload_input();
    device_.wait();
    ask_scratch();
    batch_.spoil_output();
}

GpuLayout GpuEngine::ask_layout() const {
    kc::NvcompAlignments compressing, decompressing;
    expect_success(functions_.compress_alignments(compression_, &compressing), "CompressGetRequiredAlignments");
    expect_success(functions_.decompress_alignments(codec_.decompression, &decompressing), "DecompressGetRequiredAlignments");
    GpuLayout layout;
    const std::size_t largest = std::ranges::max(request_.chunks, {}, &Span::size).size;
    expect_success(functions_.compressed_bound(largest, compression_, &layout.slot_bytes), "CompressGetMaxOutputChunkSize");
    // Typed codecs want their elements aligned, whatever they say of buffers.
    const std::size_t element = request_.options.element ? kc::size_of(*request_.options.element) : 1;
    layout.raw_alignment = std::lcm(std::lcm(compressing.input, decompressing.output), element);
    layout.slot_alignment = std::lcm(compressing.output, decompressing.input);
    return layout;
}

void GpuEngine::ask_scratch() {
    const std::size_t total = request_.content->bytes.size();
    expect_success(functions_.compress_temp_bytes(batch_.input_table(), batch_.raw_sizes(), batch_.count(), batch_.largest_chunk(),
                                                  compression_, &compress_scratch_, total, device_.stream()),
                   "CompressGetTempSizeSync");
    expect_success(functions_.decompress_temp_bytes(batch_.count(), batch_.largest_chunk(), codec_.decompression, &decompress_scratch_,
                                                    total, device_.stream()),
                   "DecompressGetTempSize");
    scratch_.emplace(device_, std::max(compress_scratch_, decompress_scratch_), "scratch of " + codec_.facts.name);
}

kc::NvcompStatus GpuEngine::launch(Direction direction) const {
    if (direction == Direction::compress) {
        return functions_.compress(batch_.input_table(), batch_.raw_sizes(), batch_.largest_chunk(), batch_.count(), scratch_->as<void>(),
                                   scratch_->size(), batch_.compressed_table(), batch_.compressed_sizes(), compression_, batch_.statuses(),
                                   device_.stream());
    }
    return functions_.decompress(batch_.compressed_table(), batch_.compressed_sizes(), batch_.raw_sizes(), batch_.output_sizes(),
                                 batch_.count(), scratch_->as<void>(), scratch_->size(), batch_.output_table(), codec_.decompression,
                                 batch_.statuses(), device_.stream());
}

void GpuEngine::run(Direction direction) {
    device_.use();
    batch_.changed();
    batch_.spoil_statuses();
    kc::NvcompStatus launched = 0;
    const double seconds = device_.seconds([&] { launched = launch(direction); });
    expect_success(launched, direction == Direction::compress ? "CompressAsync" : "DecompressAsync");
    check_results(direction);
    if (device_seconds_[index(direction)].size() < most_history) device_seconds_[index(direction)].push_back(seconds);
}

void GpuEngine::check_results(Direction direction) {
    const bool compressing = direction == Direction::compress;
    GpuBatch::Results results = batch_.read_results(direction);
    for (std::size_t chunk = 0; chunk < batch_.count(); ++chunk) {
        // Part of every timed call: texts are made for a chunk that is wrong, not for the many that are right.
        if (results.statuses[chunk] != 0) expect_success(results.statuses[chunk], place_of(chunk));
        const std::size_t size = results.sizes[chunk];
        if (compressing ? size > 0 && size <= batch_.slot_bytes() : size == request_.chunks[chunk].size) continue;
        throw base::Error(base::ErrorKind::failed, "codec " + codec_.facts.name + ", " + place_of(chunk) +
                                                       (compressing ? " became " : " came back as ") + std::to_string(size) + " bytes" +
                                                       (compressing ? ", possible are 1 to " + std::to_string(batch_.slot_bytes()) : ""));
    }
    if (compressing) sizes_ = std::move(results.sizes);
}

void GpuEngine::expect_success(kc::NvcompStatus status, const std::string& call) const {
    if (status == 0) return;
    throw base::Error(base::ErrorKind::failed, "codec " + codec_.facts.name + ", " + call + ": status " + std::to_string(status) + ", " +
                                                   std::string(kc::nvcomp_status_name(status)));
}

std::string GpuEngine::place_of(std::size_t chunk) const {
    const Span& span = request_.chunks[chunk];
    return "chunk " + std::to_string(chunk) + " of " + std::to_string(batch_.count()) + " (" + std::to_string(span.size) +
           " bytes from byte " + std::to_string(span.offset) + ")";
}

kc::Bytes GpuEngine::compressed(std::size_t chunk) {
    device_.use();
    return batch_.slot(chunk, sizes_[chunk]);
}

kc::Bytes GpuEngine::decompressed(std::size_t chunk) {
    device_.use();
    return batch_.output(chunk);
}

void GpuEngine::spoil_output() {
    device_.use();
    batch_.spoil_output();
}

void GpuEngine::add_device_times(std::vector<lab::MetricValue>& metrics, Direction direction) const {
    const std::vector<double>& history = device_seconds_[index(direction)];
    if (history.empty()) return;
    const base::Interval time = base::median_interval(history);
    const auto bytes = static_cast<double>(request_.content->bytes.size());
    metrics.push_back(lab::estimate(prefix(direction) + "device_time", time, history.size()));
    metrics.push_back(
        lab::estimate(prefix(direction) + "device_throughput", {bytes / time.value, bytes / time.high, bytes / time.low}, history.size()));
}

void GpuEngine::add_transfers(std::vector<lab::MetricValue>& metrics) {
    device_.use();
    batch_.stage_input();
    std::vector<double> up, down;
    for (int i = 0; i < transfers; ++i) {
        up.push_back(device_.seconds([&] { batch_.upload_input(); }));
        down.push_back(device_.seconds([&] { batch_.download_input(); }));
    }
    metrics.push_back(lab::estimate("upload_time", base::median_interval(up), up.size()));
    metrics.push_back(lab::estimate("download_time", base::median_interval(down), down.size()));
}

std::string GpuEngine::note() const {
    return request_.device + " is " + device_name_ + "; " + codec_.facts.library +
           "; decompression by its CUDA backend, whose statuses tell of damage, not by a hardware engine";
}

std::vector<lab::MetricValue> GpuEngine::metrics() {
    std::vector<lab::MetricValue> metrics = {
        lab::exact("scratch_memory", static_cast<double>(scratch_->size())),
        lab::exact("compress_scratch", static_cast<double>(compress_scratch_)),
        lab::exact("decompress_scratch", static_cast<double>(decompress_scratch_)),
    };
    if (request_.options.level) metrics.push_back(lab::exact("used_level", *request_.options.level));
    add_device_times(metrics, Direction::compress);
    add_device_times(metrics, Direction::decompress);
    add_transfers(metrics);
    return metrics;
}

}  // namespace plumb::families::compression
