// SPDX-License-Identifier: Apache-2.0
// Figures and answers as data: families and studies declare them, the report draws them from the store. Nothing here draws.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/schema.h"

namespace plumb::lab {

/// front: points, and a line through those that no other point of the cell beats in both x and y.
/// grid: a cell for every x and colour, which are words, shaded by y and with y written in it.
/// pictures: a card for every row of Figure::table, with the PNG files that it names (report/picture_sheet.h). No axes.
enum class Mark { bars, lines, points, front, grid, drawing, pictures };
enum class Scale { linear, log2, log10 };
enum class ShareAxis { all, row, none };

/// A value that somebody else published for the same setting, shown beside ours and labelled as such.
struct Published {
    Settings where;
    double value = 0;
    std::string source;
};

/// y becomes metric(baseline) / metric(point): the point with the same settings but `key` = `baseline`. Paired where both were interleaved.
struct Relative {
    std::string key;
    std::string baseline;
};

struct Figure {
    std::string name;     ///< unique in its family, as typed: "speedup"
    std::string title;    ///< "Speed-up over the loop"
    std::string caption;  ///< how the numbers were got, one sentence
    Mark mark = Mark::lines;
    std::string x;  ///< parameter names; x and y may also be metrics
    std::string y;
    std::string colour;  ///< also gives the shape; of a table that has no such column, a setting: a line is then a run, and named by it
    std::string facet_column;
    std::string facet_row;
    Scale x_scale = Scale::linear;
    Scale y_scale = Scale::linear;
    ShareAxis share_y = ShareAxis::all;
    bool band = true;  ///< draw low..high: rules on bars, a band on lines
    std::optional<Relative> relative;
    std::string x_title;
    std::string y_title;
    std::string reference;  ///< metric whose median over the points is drawn as a dashed line: the measured peak
    std::string reference_title;
    Settings where;  ///< only points with these values; empty = all of the experiment
    std::vector<Published> published;
    /// Rows come from artifacts/<table>.csv of each run instead of its metrics: x, y and colour name columns there, <y>_low and <y>_high
    /// the interval where they are columns. Every setting that varies becomes a facet. Empty: a row a point.
    std::string table;
    /// Points that share x, colour and facets become one: their mean, with an interval from the smallest to the largest.
    bool mean = false;
    std::string best_of;   ///< a parameter: in the table, ordered by settings, the best y of each of its values stands out
    std::string graphviz;  ///< Mark::drawing: source in the DOT language
};

/// One of the numbers at the top of the page. value: `metric` of the point `of`. ratio: metric(over) / metric(of), paired where
/// interleaved, so above 1 means `of` is faster when the metric is a time. checks: how many of the experiment's points are done and
/// verified (metric gives the worst check, by name, if set). best: of all points that fit `of`, the one with the best `metric`; points
/// whose checks are mistrusted only where there are no others.
struct Answer {
    enum class Kind { value, ratio, checks, best };
    Kind kind = Kind::value;
    std::string text;        ///< "fused over the per-query loop, batch of 32"
    std::string experiment;  ///< name in the study; empty = all
    std::string metric;
    Settings of;
    Settings over;
};

struct Metric {
    std::string name;  ///< "time"
    std::string help;
    std::string unit;  ///< "s", "B", "GFLOP/s", "share" (a fraction, shown as a percentage), "" for counts and ratios
    enum class Better { lower, higher, neither } better = Better::neither;
    bool headline = false;  ///< shown in tables by default
};

/// Throws usage with the kinds there are.
Answer::Kind answer_kind(std::string_view text);

// Each pair is a round trip. The readers throw usage naming the member that is missing, of the wrong type, or not one of the known words.
nlohmann::json to_json(const Figure& figure);
nlohmann::json to_json(const Answer& answer);
nlohmann::json to_json(const Metric& metric);
nlohmann::json to_json(const Parameter& parameter);
Figure figure_from_json(const nlohmann::json& json);
Answer answer_from_json(const nlohmann::json& json);
Metric metric_from_json(const nlohmann::json& json);
Parameter parameter_from_json(const nlohmann::json& json);

}  // namespace plumb::lab
