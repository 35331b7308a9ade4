// SPDX-License-Identifier: Apache-2.0
// One figure as a file: SVG, PNG or PDF through tools/export_figure.py (Vega-Lite) or dot (drawings), or the specification itself as JSON.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "lab/view.h"
#include "nlohmann/json.hpp"

namespace plumb::report {

enum class FileFormat { svg, png, pdf, json };
/// From "svg", "png", "pdf", "json". Throws usage with these four.
FileFormat format_named(std::string_view name);
/// From the extension of the path. Throws usage when it is none of the four.
FileFormat format_of(const std::filesystem::path& path);

struct FigureChoice {
    std::size_t experiment = 0;
    const lab::Figure* figure = nullptr;  ///< points into the view
};
/// "speedup", or "ladder/speedup" where two experiments draw a figure of that name. Throws usage with the nearest name, or the ones to
/// choose from.
FigureChoice figure_named(const lab::StudyView& view, std::string_view name);

/// Draws on opaque white, with title and caption, and replaces the file. Throws missing (naming deps/setup) without the programs it takes.
void export_figure(const lab::Store& store, const lab::StudyView& view, const FigureChoice& choice, FileFormat format,
                   const std::filesystem::path& path);

/// A ready Vega-Lite specification.
void export_specification(const nlohmann::json& spec, FileFormat format, const std::filesystem::path& path);

}  // namespace plumb::report
