// SPDX-License-Identifier: Apache-2.0
// The tables that plumb shows of a study: its points, comparisons, checks. And the one JSON document that programs read.
#pragma once
#include <string>
#include <vector>

#include "lab/compare.h"
#include "lab/view.h"
#include "nlohmann/json.hpp"
#include "report/table.h"

namespace plumb::report {

/// One row a point of one experiment: what varies, status, check, headline metrics (all where none is a headline) with intervals, reason,
/// run.
Table experiment_table(const lab::StudyView& view, std::size_t experiment);
/// Every point of every experiment: people see the settings as one text, programs get one column a setting.
Table all_points_table(const lab::StudyView& view);
/// `figure`: its published values stand beside ours where their settings match the candidate's.
Table comparison_table(const lab::StudyView& view, const std::vector<lab::ComparisonRow>& rows, const std::string& key,
                       const lab::Figure* figure = nullptr);
Table checks_table(const lab::Record& record);
/// Checks of every run of the study, each run once.
Table checks_table(const lab::StudyView& view);

/// {"schema": 1, "study": ..., "rows": [{"run", "experiment", "family", "point", "status", "reason", "checks", "metrics"}]}
nlohmann::json show_json(const lab::StudyView& view);

}  // namespace plumb::report
