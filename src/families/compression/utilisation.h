// SPDX-License-Identifier: Apache-2.0
// How busy a GPU was while kernels of one direction (compress, decompress) ran, from an export's kernel times and metric samples.
//
// Two questions, two scopes: `during` takes the union of the kernels' intervals, `span` everything from the first start to the last end,
// idle gaps included. A sample says what the metric was on average between the previous sample and its own timestamp, so it is weighted
// with the length of that interval inside the window; the first sample of a GPU covers nothing that is known.
//
// Values are shares, 0 to 1. What was not sampled has no value but a reason; nothing stands for a number that is not there. The busy share
// (union of the kernels over the span) needs no samples and is there whenever a kernel is.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "families/compression/gpu_metric.h"
#include "families/compression/kernel_choice.h"
#include "families/compression/nsys_export.h"

namespace plumb::families::compression {

/// Nanoseconds, end excluded.
struct Interval {
    std::int64_t start = 0;
    std::int64_t end = 0;
    bool operator==(const Interval&) const = default;
};
/// The union: disjoint, in order, none empty, neighbours that touch made one.
std::vector<Interval> merged(std::vector<Interval> intervals);
/// Sum of the lengths, ns.
double length(std::span<const Interval> merged_intervals);

/// Of the samples of one metric inside a window.
///
/// low..high holds the true mean of the window whatever happened where nobody looked: a sample of value v over L ns, of which w lie in the
/// window, leaves the share inside anywhere between (v L - (L - w)) / w and v L / w, cut to 0..1; v itself is known to less than one
/// step where samples are whole percents, whichever way the profiler rounds; time that no sample covers may have been 0 or 1. `mean`
/// takes every sample as even over its interval.
struct MetricFigures {
    std::string reason;  ///< why there is no figure, "no data: ..."; empty: there is one
    double mean = 0;
    double p50 = 0;  ///< smallest value at or below which half of the covered time lies
    double p95 = 0;
    double low = 0;
    double high = 1;
    std::int64_t samples = 0;  ///< that cover a part of the window
    double coverage = 0;       ///< share of the window that samples cover; also without a figure
};

struct MetricUse {
    std::string metric;     ///< GpuMetric::name
    std::string spelled;    ///< as the file has it, "SMs Active [Throughput %]"; empty where the file has none
    double resolution = 0;  ///< smallest step between different values of the GPU's samples, zero counted as one; 0: none was seen
    double period = 0;      ///< seconds between samples, median; 0: fewer than two
    bool at_floor = false;  ///< `during` is not above the resolution: the figure says "little", not how much
    MetricFigures during;
    MetricFigures span;
};

struct NamedTime {
    std::string name;
    std::int64_t kernels = 0;
    double seconds = 0;  ///< sum, overlaps counted twice
};

struct DirectionUse {
    std::string direction;
    std::int64_t kernels = 0;
    double busy_seconds = 0;  ///< union of the kernels
    double span_seconds = 0;  ///< first start to last end
    double busy_share = 0;    ///< their quotient; NaN where the span is empty
    std::vector<MetricUse> metrics;
    std::vector<NamedTime> matched;  ///< by name, most time first
};

struct DeviceUse {
    std::string gpu;                       ///< name; "" where the file does not tell
    std::int64_t device = 0;               ///< CUDA ordinal (of the first process that has one)
    std::vector<DirectionUse> directions;  ///< those with kernels on this GPU
    double kernel_seconds = 0;             ///< sum over all its kernels
    double unmatched_seconds = 0;          ///< of kernels that belong to no direction
    std::vector<NamedTime> unmatched;      ///< by name, most time first
};

struct UtilisationOptions {
    std::vector<KernelPattern> patterns = known_kernels();  ///< the first that fits decides, so a user's go in front
    std::vector<RangePattern> ranges;                       ///< when not empty, these decide and patterns do not
    std::vector<std::string> metrics = {"sm_active", "compute_warps"};
    double least_coverage = 0.8;  ///< of a window; below it there is no figure
    std::int64_t least_samples = 1;
};

struct Utilisation {
    std::vector<DeviceUse> devices;  ///< that ran a kernel
    std::vector<std::string> notes;
};

/// Throws usage for an unknown metric or a coverage outside 0..1.
Utilisation utilisation(const Export& data, const UtilisationOptions& options = {});
/// Does an option's metric need these samples? For ReadOptions::wanted_metric.
bool wants(const UtilisationOptions& options, std::string_view name, std::string_view unit);

/// Figures of one series in one window (merged intervals); the part of utilisation() that knows no kernels.
MetricFigures figures(const MetricSeries& series, std::span<const Interval> window, const UtilisationOptions& options = {});

}  // namespace plumb::families::compression
