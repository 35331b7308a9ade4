// SPDX-License-Identifier: Apache-2.0
#include "lab/seal.h"

#include <bit>
#include <cstring>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace plumb::lab {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "samples are stored little-endian");

void write_samples(const fs::path& folder, const std::string& name, const std::vector<double>& samples, const Timing& timing,
                   const char* meaning) {
    std::string bytes(samples.size() * sizeof(double), '\0');
    if (!samples.empty()) std::memcpy(bytes.data(), samples.data(), bytes.size());
    base::write_file(folder / (name + ".f64"), bytes);
    const json sidecar = {{"unit", "s"},
                          {"meaning", meaning},
                          {"type", "float64, little-endian"},
                          {"count", samples.size()},
                          {"calls_per_sample", timing.calls_per_sample}};
    base::write_file(folder / (name + ".json"), sidecar.dump(2) + "\n");
}

bool is_summary(const json& line) {
    return line.is_object() && line.contains("metric");
}

/// The complete lines of a file that may end in a torn one.
std::vector<std::string> whole_lines(const fs::path& file) {
    std::vector<std::string> lines;
    if (!fs::exists(file)) return lines;
    lines = base::split(base::read_file(file), '\n');
    lines.pop_back();  // what follows the last newline: empty, or torn
    return lines;
}

/// Relative names of all files below the folder but run.json, in order.
std::set<std::string> file_names(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) names.insert(entry.path().lexically_relative(folder).generic_string());
    }
    names.erase("run.json");
    return names;
}

std::string seal_of(json sealed) {
    sealed.erase("seal");
    return base::xxh3_hex(sealed.dump());
}

[[noreturn]] void reject(const fs::path& folder, const std::string& why) {
    throw base::Error(base::ErrorKind::failed, folder.filename().string() + ": " + why, "the run does not count; run its point again");
}

}  // namespace

void rewind_metrics(const fs::path& metrics_file, std::int64_t step) {
    if (!fs::exists(metrics_file)) return;
    std::string kept;
    for (const std::string& line : whole_lines(metrics_file)) {
        const json parsed = json::parse(line, nullptr, false);
        if (parsed.is_object() && parsed.contains("step") && parsed["step"].get<std::int64_t>() < step) kept += line + "\n";
    }
    base::replace_file(metrics_file, kept);
}

void write_run_files(const fs::path& folder, const Record& record, const std::string& config_toml) {
    base::write_file(folder / "config.toml", config_toml);
    base::write_file(folder / "host.json", record.host.dump(2) + "\n");
    json checks = json::array();
    for (const Check& check : record.checks) checks.push_back(to_json(check));
    base::write_file(folder / "checks.json", checks.dump(2) + "\n");

    std::string metrics;
    for (const std::string& line : whole_lines(folder / "metrics.jsonl")) {
        if (!is_summary(json::parse(line, nullptr, false))) metrics += line + "\n";
    }
    for (const MetricValue& metric : record.metrics) metrics += to_json(metric).dump() + "\n";
    base::write_file(folder / "metrics.jsonl", metrics);

    if (record.timings.empty()) return;
    fs::create_directories(folder / "samples");
    for (const Timing& timing : record.timings) {
        write_samples(folder / "samples", timing.action, timing.samples, timing,
                      "seconds per call, in order of time; sample i belongs to block i");
        write_samples(folder / "samples", timing.action + ".warmup", timing.warmup, timing, "seconds per call while warming up");
        if (timing.disturbed.empty()) continue;
        write_samples(folder / "samples", timing.action + ".disturbed", timing.disturbed, timing,
                      "seconds per call of samples that lost the processor and were taken again");
    }
}

std::int64_t write_seal(const fs::path& folder, const Record& record) {
    json files = json::object();
    std::int64_t bytes = 0;
    for (const std::string& file : file_names(folder)) {
        const auto size = static_cast<std::int64_t>(fs::file_size(folder / file));
        files[file] = {{"bytes", size}, {"xxh3", base::file_xxh3_hex(folder / file)}};
        bytes += size;
    }
    json sealed = to_json(record);
    sealed.erase("checks");
    sealed.erase("metrics");
    sealed.erase("host");
    sealed["bytes"] = bytes;
    sealed["files"] = files;
    sealed["seal"] = seal_of(sealed);
    base::replace_file(folder / "run.json", sealed.dump(2) + "\n");
    return bytes;
}

Record read_sealed(const fs::path& folder) {
    if (!fs::exists(folder / "run.json")) reject(folder, "has no run.json: it was never finished");
    json sealed = json::parse(base::read_file(folder / "run.json"), nullptr, false);
    if (!sealed.is_object() || !sealed.contains("seal") || !sealed.contains("files")) reject(folder, "run.json is torn");
    if (sealed["seal"] != seal_of(sealed)) reject(folder, "run.json was altered after it was sealed");
    for (const auto& [file, facts] : sealed["files"].items()) {
        if (!fs::exists(folder / file)) reject(folder, file + " is missing");
        if (static_cast<std::int64_t>(fs::file_size(folder / file)) != facts.at("bytes").get<std::int64_t>())
            reject(folder, file + " is torn");
        if (base::file_xxh3_hex(folder / file) != facts.at("xxh3").get<std::string>())
            reject(folder, file + " was altered after it was sealed");
    }
    sealed["checks"] = json::parse(base::read_file(folder / "checks.json"));
    sealed["host"] = json::parse(base::read_file(folder / "host.json"));
    json metrics = json::array();
    for (const std::string& line : whole_lines(folder / "metrics.jsonl")) {
        json parsed = json::parse(line);
        if (is_summary(parsed)) metrics.push_back(std::move(parsed));
    }
    sealed["metrics"] = metrics;
    return record_from_json(sealed);
}

}  // namespace plumb::lab
