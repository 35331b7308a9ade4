// SPDX-License-Identifier: Apache-2.0
#include "families/compression/trial.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/memory_watch.h"
#include "families/compression/break_even.h"
#include "families/compression/memory.h"
#include "lab/setting.h"

namespace plumb::families::compression {

namespace {

namespace kc = kernels::codec;

/// How the notebook repeated its files is not known; that moves the ratios of small chunks by up to 0.07 %.
constexpr double published_tolerance = 1e-3;

[[noreturn]] void unsupported(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::unsupported, message, hint);
}

int read_level(const std::string& text) {
    std::size_t used = 0;
    int level = 0;
    try {
        level = std::stoi(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    if (used == 0 || used != text.size()) unsupported("level '" + text + "' is no number", "give an integer, or default");
    return level;
}

kc::Options read_options(const lab::Settings& settings) {
    kc::Options options;
    if (const auto& level = lab::setting<std::string>(settings, "level"); level != "default") options.level = read_level(level);
    const auto& element = lab::setting<std::string>(settings, "element");
    options.automatic = element == "auto";
    if (element != "default" && element != "auto") options.element = kc::element_named(element);
    if (const auto rle = lab::setting<std::int64_t>(settings, "rle"); rle >= 0) options.rle = static_cast<int>(rle);
    if (const auto delta = lab::setting<std::int64_t>(settings, "delta"); delta >= 0) options.delta = static_cast<int>(delta);
    if (const auto& bitpack = lab::setting<std::string>(settings, "bitpack"); bitpack != "default") options.bitpack = bitpack == "yes";
    return options;
}

std::vector<Direction> read_directions(const std::string& word) {
    if (word == "compress") return {Direction::compress};
    if (word == "decompress") return {Direction::decompress};
    return {Direction::compress, Direction::decompress};
}

/// Chunks whose content differs from the input's.
std::size_t count_differing(const Content& content, const std::vector<Span>& chunks, const auto& got) {
    std::size_t differing = 0;
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
        const kc::Bytes bytes = got(chunk);
        differing += !std::ranges::equal(bytes, content.at(chunks[chunk]));
    }
    return differing;
}

std::string of_chunks(std::size_t chunks) {
    return chunks == 1 ? "the only chunk" : "all " + std::to_string(chunks) + " chunks";
}

/// A codec that forgets everything but the first byte would pass on such an input.
std::string why_input_proves_little(const Content& content) {
    const bool constant = std::ranges::all_of(content.bytes, [&](std::uint8_t byte) { return byte == content.bytes.front(); });
    return constant ? "every byte of the input is the same" : "";
}

base::Interval throughput(std::size_t bytes, const base::Interval& seconds) {
    const auto amount = static_cast<double>(bytes);
    return {amount / seconds.value, amount / seconds.high, amount / seconds.low};
}

}  // namespace

lab::Settings resolve(lab::Settings settings) {
    const auto chunks = lab::setting<std::int64_t>(settings, "chunks");
    if (chunks == 0) return settings;
    std::int64_t total = lab::setting<std::int64_t>(settings, "total");
    if (total == 0) total = lab::setting<std::int64_t>(settings, "repeat_to");
    if (total == 0) total = content_bytes(lab::setting<std::string>(settings, "file"));
    for (lab::Setting& each : settings) {
        if (each.name == "chunk") each.value = std::max<std::int64_t>(1, (total + chunks - 1) / chunks);
        if (each.name == "chunks" || each.name == "total") each.value = std::int64_t{0};
    }
    return settings;
}

Request read_request(const lab::Settings& settings) {
    Request request;
    EngineRequest& engine = request.engine;
    engine.device = lab::setting<std::string>(settings, "device");
    engine.codec = lab::setting<std::string>(settings, "codec");
    engine.options = read_options(settings);
    engine.workers = static_cast<std::size_t>(lab::setting<std::int64_t>(settings, "workers"));
    engine.content = load_content(lab::setting<std::string>(settings, "file"), lab::setting<std::int64_t>(settings, "repeat_to"));
    engine.chunks = cut(*engine.content, static_cast<std::size_t>(lab::setting<std::int64_t>(settings, "chunk")));
    request.directions = read_directions(lab::setting<std::string>(settings, "direction"));
    request.metadata_bytes_per_chunk = lab::setting<std::string>(settings, "metadata") == "32" ? 8 : 16;
    const bool default_options =
        lab::setting<std::string>(settings, "level") == "default" && lab::setting<std::string>(settings, "element") == "default";
    if (default_options) {
        request.published =
            published_ratio(engine.codec, lab::setting<std::string>(settings, "file"), lab::setting<std::int64_t>(settings, "repeat_to"),
                            lab::setting<std::int64_t>(settings, "chunk"));
    }
    return request;
}

CompressionTrial::CompressionTrial(Request request) : CompressionTrial(request, make_engine(request.engine)) {}

CompressionTrial::CompressionTrial(Request request, std::unique_ptr<Engine> engine)
    : request_(std::move(request)), engine_(std::move(engine)), total_bytes_(request_.engine.content->bytes.size()) {}

std::vector<lab::Check> CompressionTrial::verify() {
    const base::MemoryWatch watch;
    engine_->compress();
    engine_->spoil_output();
    engine_->decompress();
    if (request_.engine.device == "cpu") peak_memory_ = watch.peak();
    for (std::size_t chunk = 0; chunk < request_.engine.chunks.size(); ++chunk) {
        sizes_.push_back(engine_->compressed(chunk).size());
        stored_chunks_ += engine_->stored(chunk);
    }
    std::vector<lab::Check> checks = {check_round_trip("round trip")};
    std::ranges::move(check_other_decoders(), std::back_inserter(checks));
    if (request_.published) {
        checks.push_back(lab::at_most("ratio as published", request_.published->source, "relative difference",
                                      std::abs(ratio() / request_.published->ratio - 1), published_tolerance));
    }
    engine_->spoil_output();
    return checks;
}

lab::Check CompressionTrial::check_round_trip(const std::string& name) {
    const EngineRequest& engine = request_.engine;
    const std::size_t differing =
        count_differing(*engine.content, engine.chunks, [&](std::size_t chunk) { return engine_->decompressed(chunk); });
    lab::Check check = lab::at_most(name, "the input, " + of_chunks(engine.chunks.size()), "chunks that differ in any byte",
                                    static_cast<double>(differing), 0, "chunks");
    if (const std::string why = why_input_proves_little(*engine.content); !why.empty()) check = lab::mistrust(check, why);
    return check;
}

std::vector<lab::Check> CompressionTrial::check_other_decoders() {
    const EngineRequest& engine = request_.engine;
    const kc::Codec* const own = facts_of(engine.codec);
    std::vector<lab::Check> checks;
    if (own == nullptr) return checks;
    for (const kc::Codec& other : kc::codecs()) {
        const bool reads_it = other.format == own->format && other.name != own->name && other.library != own->library;
        const bool fits = std::ranges::all_of(engine.chunks, [&](const Span& chunk) { return chunk.size <= other.largest_chunk; });
        if (!reads_it || !fits || !other.missing.empty()) continue;
        const auto worker = other.make(kc::complete(other, {}));
        std::vector<std::uint8_t> out;
        const auto decode = [&](std::size_t chunk) {
            out.assign(engine.chunks[chunk].size, AlignedBytes::spoilt);
            worker->decompress(engine_->compressed(chunk), out);
            return kc::Bytes(out);
        };
        checks.push_back(lab::at_most("decoded by " + other.name, other.library + ", " + of_chunks(engine.chunks.size()),
                                      "chunks that differ in any byte",
                                      static_cast<double>(count_differing(*engine.content, engine.chunks, decode)), 0, "chunks"));
    }
    return checks;
}

std::vector<lab::Action> CompressionTrial::actions() {
    std::vector<lab::Action> actions;
    for (const Direction direction : request_.directions) {
        if (direction == Direction::compress)
            actions.push_back({"compress", [this] { engine_->compress(); }, {}});
        else
            actions.push_back({"decompress", [this] { engine_->decompress(); }, {}});
    }
    return actions;
}

std::vector<lab::Check> CompressionTrial::verify_after() {
    std::size_t changed = 0;
    for (std::size_t chunk = 0; chunk < sizes_.size(); ++chunk) changed += engine_->compressed(chunk).size() != sizes_[chunk];
    std::vector<lab::Check> checks;
    if (request_.directions.back() == Direction::decompress) checks.push_back(check_round_trip("last decompression"));
    engine_->spoil_output();
    engine_->decompress();
    checks.push_back(check_round_trip("last compression, decompressed"));
    checks.push_back(lab::at_most("same sizes again", "the compressed chunks that were checked before timing", "chunks of another size",
                                  static_cast<double>(changed), 0, "chunks"));
    return checks;
}

double CompressionTrial::ratio() const {
    return static_cast<double>(total_bytes_) / static_cast<double>(std::accumulate(sizes_.begin(), sizes_.end(), std::size_t{0}));
}

std::vector<lab::MetricValue> CompressionTrial::sizes() {
    const auto original = static_cast<double>(total_bytes_);
    const auto chunks = static_cast<double>(sizes_.size());
    const auto compressed = static_cast<double>(std::accumulate(sizes_.begin(), sizes_.end(), std::size_t{0}));
    const double metadata = chunks * static_cast<double>(request_.metadata_bytes_per_chunk);
    std::vector<lab::MetricValue> metrics = {
        lab::exact("chunk_count", chunks),
        lab::exact("original_bytes", original),
        lab::exact("compressed_bytes", compressed),
        lab::exact("metadata_bytes", metadata),
        lab::exact("ratio", ratio()),
        lab::exact("ratio_with_metadata", original / (compressed + metadata)),
        lab::exact("stored_chunks", static_cast<double>(stored_chunks_)),
    };
    if (peak_memory_) metrics.push_back(lab::exact("peak_memory", static_cast<double>(*peak_memory_)));
    return metrics;
}

std::vector<lab::MetricValue> CompressionTrial::metrics(const std::vector<lab::Timing>& timings) {
    std::vector<lab::MetricValue> metrics = sizes();
    std::ranges::move(engine_->metrics(), std::back_inserter(metrics));
    Throughputs throughputs;
    for (std::size_t i = 0; i < request_.directions.size(); ++i) {
        const bool compress = request_.directions[i] == Direction::compress;
        const std::string prefix = compress ? "compress_" : "decompress_";
        const base::Interval speed = throughput(total_bytes_, timings[i].median);
        (compress ? throughputs.compress : throughputs.decompress) = speed;
        metrics.push_back(lab::estimate(prefix + "time", timings[i].median, timings[i].samples.size()));
        metrics.push_back(lab::estimate(prefix + "throughput", speed, timings[i].samples.size()));
        const auto utilisation = std::ranges::find(metrics, prefix + "utilisation", &lab::MetricValue::name);
        if (utilisation != metrics.end()) metrics.push_back(per_utilisation(prefix + "per_utilisation", speed, *utilisation));
    }
    const double ratio = std::ranges::find(metrics, "ratio_with_metadata", &lab::MetricValue::name)->value;
    std::ranges::move(break_even(ratio, throughputs), std::back_inserter(metrics));
    return metrics;
}

}  // namespace plumb::families::compression
