// SPDX-License-Identifier: Apache-2.0
// Imported cells as runs of the family: which settings they are a point of, what their metrics are called here, and what follows from
// several imports of one cell together.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "families/compression/imported.h"
#include "lab/figure.h"
#include "lab/foreign.h"

namespace plumb::families::compression {

struct ForeignOptions {
    std::int64_t total_bytes = 0;  ///< of the input, which "500mb_dickens" reached by repetition
    /// Which of an export's figures stands as the utilisation: "compute_warps" (what the notebook calls so), "sm_active" or "busy".
    std::string utilisation = "compute_warps";
};

/// Throws usage where the chunk size is not known.
lab::ForeignRow foreign_row(const ImportedRow& row, const ForeignOptions& options);

/// Adds throughput by utilisation and break-even speeds where their parts are there.
void derive(std::vector<lab::MetricValue>& metrics);

/// What only imports record: kernel times, sampled metrics, what no pattern matched.
std::vector<lab::Metric> imported_metrics();

}  // namespace plumb::families::compression
