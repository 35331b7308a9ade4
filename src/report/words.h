// SPDX-License-Identifier: Apache-2.0
// How settings, numbers and intervals are worded; tables, figures and the page say the same thing the same way.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lab/view.h"

namespace plumb::report {

/// "1.23 ms", "116 GFLOP/s"; an en dash where there is no number.
std::string quantity_text(double value, std::string_view unit);
/// Units that grow and shrink with the number ("1.2 ms", "25 %") stand in each cell, others once in the column's title: "rate (GFLOP/s)".
bool stands_in_cells(std::string_view unit);
std::string title_with_unit(std::string_view title, std::string_view unit);
/// As quantity_text and interval_text, without a unit that stands in the title.
std::string cell_text(double value, std::string_view unit);
std::string cell_interval(double low, double high, std::string_view unit);
/// "497 – 528 GFLOP/s": the unit once where both ends share it.
std::string interval_text(double low, double high, std::string_view unit);
/// "1.57×", "210×": three digits.
std::string times_text(double ratio);
/// "1.52 – 1.61"; with as many digits as it takes to tell the ends apart.
std::string ratio_interval(double low, double high);
/// "±3.3 %": half of the interval relative to the value.
std::string half_width_text(double value, double low, double high);
/// Column name of raw values: "time" in "s" is "time_s", "throughput" in "GB/s" is "throughput_GBps"; no unit, no suffix.
std::string name_with_unit(std::string_view name, std::string_view unit);
/// "3 points", "1 point"
std::string count_text(std::size_t count, std::string_view thing);

/// nullptr where the experiment declares no such thing.
const lab::Parameter* parameter_named(const lab::ViewExperiment& experiment, std::string_view name);
const lab::Metric* metric_named(const lab::ViewExperiment& experiment, std::string_view name);
/// A value as a user would type it, read with the experiment's types ("4 KiB", "causal").
std::string setting_text(const lab::ViewExperiment& experiment, std::string_view name, const lab::Value& value);
/// "impl=fused mask=causal": the settings that vary in the experiment.
std::string point_text(const lab::ViewExperiment& experiment, const lab::Point& point);
/// Every wanted setting is there with an equal value; whole numbers equal reals of the same size.
bool matches(const lab::Settings& settings, const lab::Settings& wanted);
bool equal_values(const lab::Value& a, const lab::Value& b);
/// NaN for text.
double number_of(const lab::Value& value);
/// "passed", "mistrusted" or "failed": the worst check of a record; empty when it has none.
std::string worst_check(const lab::Record& record);
/// What follows the time in a run's folder name: the point's short hash, with a number where a run has twins.
std::string short_run(std::string_view run);

}  // namespace plumb::report
