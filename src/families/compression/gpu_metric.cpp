// SPDX-License-Identifier: Apache-2.0
#include "families/compression/gpu_metric.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"

namespace plumb::families::compression {

namespace {

/// Lower case, runs of blanks as one, none at the ends.
std::string normalised(std::string_view text) {
    std::string result;
    for (const char letter : base::trim(text)) {
        const bool blank = std::isspace(static_cast<unsigned char>(letter)) != 0;
        if (blank && !result.empty() && result.back() == ' ') continue;
        result += blank ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    return result;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& known) { return normalised(known) == word; });
}

std::string full_name(const MetricSeries& series) {
    return series.unit.empty() ? series.name : series.name + " [" + series.unit + "]";
}

}  // namespace

const std::vector<GpuMetric>& gpu_metrics() {
    static const std::vector<std::string> share = {"Throughput %", ""};
    static const std::vector<GpuMetric> metrics = {
        {"gr_active", "GR active", "share of cycles in which the graphics and compute engine has any work", {"GR Active"}, share},
        {"sm_active", "SM active", "mean share of cycles in which an SM holds at least one warp", {"SM Active", "SMs Active"}, share},
        {"sm_issue", "SM issue", "share of cycles in which an SM issues an instruction", {"SM Issue"}, share},
        {"compute_warps",
         "compute warps in flight",
         "resident compute warps, of those that the device can hold",
         {"Compute Warps in Flight"},
         share},
        {"dram_read", "DRAM read", "memory read, of the peak bandwidth", {"DRAM Read Throughput", "DRAM Read Bandwidth"}, share},
        {"dram_write", "DRAM write", "memory written, of the peak bandwidth", {"DRAM Write Throughput", "DRAM Write Bandwidth"}, share},
    };
    return metrics;
}

const GpuMetric& gpu_metric_named(std::string_view name) {
    std::vector<std::string> names;
    for (const GpuMetric& metric : gpu_metrics()) {
        if (metric.name == name) return metric;
        names.push_back(metric.name);
    }
    throw base::Error(base::ErrorKind::usage, "no GPU metric is called '" + std::string(name) + "'", base::suggest(name, names));
}

bool is_metric(const GpuMetric& metric, std::string_view name, std::string_view unit) {
    return contains(metric.spellings, normalised(name)) && contains(metric.units, normalised(unit));
}

const MetricSeries* find_series(const GpuMetric& metric, std::span<const MetricSeries> series, std::uint64_t type, std::string& why) {
    std::vector<const MetricSeries*> found;
    std::vector<std::string> others;
    for (const MetricSeries& candidate : series) {
        if (candidate.type != type) continue;
        if (is_metric(metric, candidate.name, candidate.unit)) found.push_back(&candidate);
        others.push_back(full_name(candidate));
    }
    if (found.empty()) {
        why = "no metric '" + metric.label + "' among: " + base::join(others, ", ");
        return nullptr;
    }
    std::stable_partition(found.begin(), found.end(), [](const MetricSeries* candidate) { return !candidate->unit.empty(); });
    if (found.size() > 1 && found[0]->unit.empty() == found[1]->unit.empty()) {
        why = "'" + full_name(*found[0]) + "' is there more than once";
        return nullptr;
    }
    return found[0];
}

}  // namespace plumb::families::compression
