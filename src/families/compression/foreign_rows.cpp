// SPDX-License-Identifier: Apache-2.0
#include "families/compression/foreign_rows.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "families/compression/break_even.h"
#include "lab/data_sets.h"

namespace plumb::families::compression {

namespace {

constexpr std::array directions = {"compress", "decompress"};
constexpr std::array sampled = {"sm_active", "compute_warps"};

const lab::MetricValue* find(const std::vector<lab::MetricValue>& metrics, const std::string& name) {
    const auto found = std::ranges::find(metrics, name, &lab::MetricValue::name);
    return found == metrics.end() ? nullptr : &*found;
}

std::optional<base::Interval> interval_of(const std::vector<lab::MetricValue>& metrics, const std::string& name) {
    const lab::MetricValue* metric = find(metrics, name);
    if (metric == nullptr) return std::nullopt;
    return base::Interval{metric->value, metric->low, metric->high};
}

/// "500mb_dickens" is silesia/dickens repeated to the total; other names stay what they are.
bool is_repeated_silesia(const std::string& file, std::string& member) {
    const auto letters = std::ranges::find_if(file, [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) == 0; });
    const std::string rest(letters, file.end());
    if (letters == file.begin() || !rest.starts_with("mb_")) return false;
    member = rest.substr(3);
    const std::vector<lab::DataSet> sets = lab::data_sets();
    const auto silesia = std::ranges::find(sets, "silesia", &lab::DataSet::name);
    return silesia != sets.end() && std::ranges::find(silesia->files, member, &lab::DataFile::name) != silesia->files.end();
}

void add_utilisation(std::vector<lab::MetricValue>& metrics, const std::string& chosen) {
    for (const std::string direction : directions) {
        const lab::MetricValue* source = find(metrics, direction + "_" + chosen);
        if (source == nullptr) continue;
        lab::MetricValue use = *source;
        use.name = direction + "_utilisation";
        metrics.push_back(use);
        if (const lab::MetricValue* step = find(metrics, direction + "_" + chosen + "_resolution");
            step && !find(metrics, "utilisation_floor"))
            metrics.push_back(lab::exact("utilisation_floor", step->value));
        if (const lab::MetricValue* cover = find(metrics, direction + "_" + chosen + "_coverage");
            cover && !find(metrics, "utilisation_coverage"))
            metrics.push_back(lab::exact("utilisation_coverage", cover->value));
    }
}

}  // namespace

lab::ForeignRow foreign_row(const ImportedRow& row, const ForeignOptions& options) {
    if (row.chunk_bytes == 0) {
        throw base::Error(base::ErrorKind::usage, row.source + ": the size of its chunks is not known",
                          "give --total BYTES, the size of the input that was cut into chunks");
    }
    lab::ForeignRow made;
    made.source = row.source;
    made.machine = row.device.empty() ? "unknown device" : row.device;
    made.status = row.status;
    made.reason = row.reason;
    std::string member;
    const bool repeated = options.total_bytes > 0 && is_repeated_silesia(row.file, member);
    made.settings = {{"file", repeated ? "silesia/" + member : row.file},
                     {"repeat_to", repeated ? options.total_bytes : std::int64_t{0}},
                     {"codec", row.codec},
                     {"chunk", row.chunk_bytes},
                     {"device", made.machine}};
    made.notes = row.doubts;
    for (const ImportedMetric& metric : row.metrics) {
        if (std::isnan(metric.value)) {
            // A row that is not done says it in its reason.
            if (row.status == lab::Status::done) made.notes.push_back(metric.name + ": " + metric.reason);
            continue;
        }
        made.metrics.push_back({metric.name, metric.value, metric.low, metric.high, metric.samples});
    }
    add_utilisation(made.metrics, options.utilisation);
    return made;
}

void derive(std::vector<lab::MetricValue>& metrics) {
    Throughputs throughputs{interval_of(metrics, "compress_throughput"), interval_of(metrics, "decompress_throughput")};
    std::vector<lab::MetricValue> derived;
    for (const std::string direction : directions) {
        const auto throughput = interval_of(metrics, direction + "_throughput");
        const lab::MetricValue* use = find(metrics, direction + "_utilisation");
        if (throughput && use != nullptr && use->value > 0)
            derived.push_back(per_utilisation(direction + "_per_utilisation", *throughput, *use));
    }
    if (const lab::MetricValue* ratio = find(metrics, "ratio"))
        std::ranges::move(break_even(ratio->value, throughputs), std::back_inserter(derived));
    for (lab::MetricValue& metric : derived) {
        std::erase_if(metrics, [&](const lab::MetricValue& old) { return old.name == metric.name; });
        metrics.push_back(std::move(metric));
    }
}

std::vector<lab::Metric> imported_metrics() {
    using Better = lab::Metric::Better;
    std::vector<lab::Metric> made;
    const auto add = [&](const std::string& name, const std::string& help, const std::string& unit) {
        made.push_back({name, help, unit, Better::neither, false});
    };
    for (const std::string direction : directions) {
        const std::string which = direction == "compress" ? "compression" : "decompression";
        add(direction + "_kernels", "imported: kernels of " + which, "");
        add(direction + "_busy_time", "imported: time in which a kernel of " + which + " ran", "s");
        add(direction + "_span_time", "imported: from the first start to the last end of those kernels", "s");
        add(direction + "_busy", "imported: busy time by span", "share");
        for (const std::string metric : sampled) {
            const std::string words = metric == "sm_active" ? "cycles in which an SM held a warp" : "resident compute warps by capacity";
            add(direction + "_" + metric, "imported: " + words + ", mean during the kernels", "share");
            add(direction + "_" + metric + "_p50", "the same, median over time", "share");
            add(direction + "_" + metric + "_p95", "the same, 95th percentile over time", "share");
            add(direction + "_" + metric + "_coverage", "share of the kernels' time that its samples cover", "share");
            add(direction + "_" + metric + "_resolution", "its smallest step", "share");
            add(direction + "_" + metric + "_span", "the same from first start to last end, gaps included", "share");
        }
    }
    add("unmatched_kernel_time", "imported: time of kernels that no pattern matched", "s");
    add("unmatched_kernel_share", "imported: the same by the time of all kernels", "share");
    return made;
}

}  // namespace plumb::families::compression
