// SPDX-License-Identifier: Apache-2.0
// Drawings in the DOT language, through the program `dot` of Graphviz.
#pragma once
#include <string>
#include <string_view>

namespace plumb::report {

/// The output of `dot -T<format>` (svg, png, pdf). Throws missing when there is no `dot`, usage with its message when the source has a
/// mistake.
std::string render_drawing(const std::string& source, const std::string& format, const std::string& background = "transparent");

/// A drawing's SVG made fit to stand inside a page: shapes and texts only (no links, scripts, images, styles), ink follows `currentColor`,
/// filled shapes let the page shine through, so that it is legible in light and dark.
std::string inline_svg(std::string_view svg, std::string_view label);

}  // namespace plumb::report
