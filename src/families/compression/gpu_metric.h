// SPDX-License-Identifier: Apache-2.0
// The sampled GPU metrics that plumb reads, and how exports of different versions spell them. A metric is found by its whole name and its
// unit, never by its number (which differs from GPU to GPU) and never by a part of its name (which also finds "Vertex/Tess/Geometry Warps
// in Flight" or "Unallocated Warps in Active SMs"). To add a metric or a spelling: one line of the table in gpu_metric.cpp.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "families/compression/nsys_export.h"

namespace plumb::families::compression {

struct GpuMetric {
    std::string name;     ///< plumb's: "sm_active"
    std::string label;    ///< "SM active"
    std::string meaning;  ///< one sentence
    std::vector<std::string> spellings;
    std::vector<std::string> units;  ///< as exports write them; "" where an early export writes none
};

/// All are percentages of what the whole device can do.
const std::vector<GpuMetric>& gpu_metrics();
/// Throws usage with the nearest name.
const GpuMetric& gpu_metric_named(std::string_view name);

/// True when (name, unit) of an export is this metric. Letter case and width of blanks do not count.
bool is_metric(const GpuMetric& metric, std::string_view name, std::string_view unit);

/// The series of `metric` on one GPU (by typeId), or nullptr with `why` filled in: absent (naming what is there) or there more than once.
/// One with a unit goes before one without.
const MetricSeries* find_series(const GpuMetric& metric, std::span<const MetricSeries> series, std::uint64_t type, std::string& why);

}  // namespace plumb::families::compression
