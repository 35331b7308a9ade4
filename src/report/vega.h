// SPDX-License-Identifier: Apache-2.0
// Vega-Lite specifications from figure data. Points without a number stay visible: a text in the bar's place, a cross at the foot of a
// line. To draw a further mark: a function of layers in vega_layers.cpp, and its case in layers_of().
#pragma once
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "report/figure_data.h"
#include "report/palette.h"

namespace plumb::report {

enum class Theme {
    page,  ///< transparent, ink is `currentColor`: follows the page into dark mode and print
    paper  ///< opaque white with a title, for pictures that leave the page
};

struct SpecOptions {
    Theme theme = Theme::page;
    std::vector<std::string> subtitle;  ///< Theme::paper: lines under the title
};

/// Data inline; nothing is loaded from anywhere. `usermeta.csv` lists [column, field] pairs from which the page makes its CSV download.
nlohmann::json vega_spec(const FigureData& data, const Palette& palette, const SpecOptions& options = {});

}  // namespace plumb::report
