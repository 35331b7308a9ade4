// SPDX-License-Identifier: Apache-2.0
// Parts of a Vega-Lite specification, shared by vega.cpp (facets, data, theme) and vega_layers.cpp (marks).
#pragma once
#include <optional>
#include <string>

#include "nlohmann/json.hpp"
#include "report/vega.h"

namespace plumb::report {

/// Sizes and encodings of one cell, settled before its layers are made.
struct Cell2D {
    int width = 0;
    int height = 0;
    std::string ink;  ///< colour of rules and texts
    nlohmann::json x;
    nlohmann::json y;
    nlohmann::json colour;  ///< null: one colour for all
    nlohmann::json shape;
    nlohmann::json offset;  ///< of grouped bars; null: none
    nlohmann::json tooltip;
    std::optional<double> floor;  ///< foot of bars on a logarithmic axis
    // Layers without data are left out: Vega warns of scales that it cannot find.
    bool has_intervals = false;
    bool has_mistrusted = false;
    bool has_published = false;
    bool has_missing = false;  ///< points without a number that have a place on x
    bool has_notes = false;
};

/// Lowest and highest positive value that a logarithmic axis must hold, widened to ticks.
struct LogRange {
    double low;
    double high;
    std::vector<double> ticks;
};
LogRange log_range(double smallest, double largest, lab::Scale scale);

/// Vega expression that words an axis label with the unit ("10 us", "4 KiB", "25 %").
std::string label_expression(const std::string& unit);

nlohmann::json layers_of(const FigureData& data, const Cell2D& cell);
nlohmann::json theme_config(Theme theme);

}  // namespace plumb::report
