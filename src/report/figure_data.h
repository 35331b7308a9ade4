// SPDX-License-Identifier: Apache-2.0
// What a figure draws, as tidy rows: one row a point, with its place, its number and interval, or the reason why it has none.
// Tables under figures, Vega-Lite specifications and CSV downloads are all made from this.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lab/compare.h"
#include "lab/view.h"
#include "report/table.h"

namespace plumb::report {

struct FigureRow {
    std::vector<std::string> settings;  ///< texts, one per FigureData::keys
    std::vector<nlohmann::json> raw;    ///< the same as values
    std::string x;                      ///< as a category; for numbers see x_number
    std::optional<double> x_number;
    std::string colour;
    std::string column;  ///< header of the facet; empty without facets
    std::string row;
    int repeat = 0;
    std::optional<double> y;
    std::optional<double> low;
    std::optional<double> high;
    std::string status;
    std::string check;   ///< worst check: "passed", "mistrusted", "failed" or empty
    std::string reason;  ///< why there is no y
    std::string run;
    bool on_front = false;                    ///< of Mark::front: no other point of its cell is better in both x and y
    std::optional<lab::Judgement> judgement;  ///< of relative figures
    std::optional<double> published;
    std::string published_source;
};

struct FigureData {
    lab::Figure figure;
    std::string experiment;
    std::string command;            ///< the line that runs the experiment again
    std::vector<std::string> keys;  ///< settings that tell the rows apart, in schema order
    std::vector<bool> numeric;      ///< per key
    std::string x_title;
    std::string y_title;
    std::string x_unit;
    std::string y_unit;        ///< "×" for relative figures
    bool x_is_number = false;  ///< x lies on an axis of numbers; bars take categories
    bool has_repeats = false;
    std::vector<FigureRow> rows;
    std::vector<std::string> xs;  ///< categories in order of the plan
    std::vector<std::string> colours;
    std::vector<std::string> columns;
    std::vector<std::string> row_facets;
    std::optional<double> reference;
    std::string reference_text;                                 ///< "measured peak 136 GFLOP/s"
    lab::Metric::Better better = lab::Metric::Better::neither;  ///< of y

    bool has_numbers() const;
    /// Whether x, and the colour, are told by no setting of a row: tables then have a column for it.
    bool x_is_own() const;
    bool colour_is_own() const;
};

/// Settings that vary but have no place in the declared figure become facets, so that no two different points share one.
/// Ratios of relative figures come from lab::compare_by: paired where the points were interleaved. Mark::drawing and Mark::pictures have no
/// rows.
FigureData figure_data(const lab::Store& store, const lab::StudyView& view, std::size_t experiment, const lab::Figure& figure);

/// What low..high of its rows is: "95 % interval".
std::string interval_name(const FigureData& data);

/// The table under the figure.
Table figure_table(const FigureData& data);

}  // namespace plumb::report
