// SPDX-License-Identifier: Apache-2.0
#include "report/export.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "report/answers.h"
#include "report/drawing.h"
#include "report/program.h"
#include "report/vega.h"

namespace plumb::report {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, FileFormat>, 4> formats{
    {{"svg", FileFormat::svg}, {"png", FileFormat::png}, {"pdf", FileFormat::pdf}, {"json", FileFormat::json}}};
const fs::path script = fs::path("tools") / "export_figure.py";

std::string_view name(FileFormat format) {
    for (const auto& [word, value] : formats) {
        if (value == format) {
            return word;
        }
    }
    return {};
}

/// The checkout that holds the export script: where the program was built, else above the program itself, so that a moved tree still works.
fs::path source_root() {
#ifdef PLUMB_SOURCE_DIR
    if (fs::exists(fs::path(PLUMB_SOURCE_DIR) / script)) {
        return PLUMB_SOURCE_DIR;
    }
#endif
    std::error_code problem;
    for (fs::path folder = fs::read_symlink("/proc/self/exe", problem).parent_path(); !folder.empty(); folder = folder.parent_path()) {
        if (fs::exists(folder / script)) {
            return folder;
        }
        if (folder == folder.root_path()) {
            break;
        }
    }
    throw base::Error(base::ErrorKind::missing, fmt::format("{} is not beside this program", script.string()),
                      "run plumb from a checkout, or take the figure from the page: plumb report");
}

std::string python(const fs::path& root) {
    if (const char* chosen = std::getenv("PLUMB_PYTHON"); chosen != nullptr && *chosen != '\0') {
        return chosen;
    }
    return (root / ".deps" / "venv" / "bin" / "python3").string();
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
    std::vector<std::string> lines;
    for (const std::string& word : base::split(text, ' ')) {
        if (lines.empty() || lines.back().size() + 1 + word.size() > width) {
            lines.push_back(word);
        } else {
            lines.back() += ' ' + word;
        }
    }
    return lines;
}

std::vector<std::string> subtitle_of(const lab::StudyView& view, const FigureData& data) {
    std::vector<std::string> lines = wrapped(data.figure.caption, 110);
    std::string origin = fmt::format("study {} · {}", view.name, data.command);
    for (const std::string& version : code_versions(view)) {
        origin += " · plumb " + version;
    }
    lines.push_back(origin);
    return lines;
}

}  // namespace

FileFormat format_named(std::string_view wanted) {
    for (const auto& [word, format] : formats) {
        if (word == wanted) {
            return format;
        }
    }
    throw base::Error(base::ErrorKind::usage, fmt::format("'{}' is no format of figures", wanted), "svg, png, pdf, json");
}

FileFormat format_of(const fs::path& path) {
    const std::string extension = path.extension().string();
    if (extension.empty()) {
        throw base::Error(base::ErrorKind::usage, fmt::format("'{}' has no extension that tells the format", path.string()),
                          ".svg, .png, .pdf, .json");
    }
    return format_named(std::string_view(extension).substr(1));
}

FigureChoice figure_named(const lab::StudyView& view, std::string_view wanted) {
    std::vector<FigureChoice> found;
    std::vector<std::string> names;
    std::vector<std::string> full_names;
    for (std::size_t i = 0; i < view.experiments.size(); ++i) {
        for (const lab::Figure& figure : view.experiments[i].figures) {
            const std::string full = fmt::format("{}/{}", view.experiments[i].name, figure.name);
            names.push_back(figure.name);
            if (wanted == full) {
                return {i, &figure};
            }
            if (wanted == figure.name) {
                found.push_back({i, &figure});
                full_names.push_back(full);
            }
        }
    }
    if (found.size() == 1) {
        return found.front();
    }
    if (found.empty()) {
        throw base::Error(base::ErrorKind::usage, fmt::format("study '{}' has no figure '{}'", view.name, wanted),
                          base::suggest(wanted, names));
    }
    throw base::Error(base::ErrorKind::usage,
                      fmt::format("{} experiments of study '{}' have a figure '{}'", found.size(), view.name, wanted),
                      base::join(full_names, ", "));
}

void export_specification(const nlohmann::json& spec, FileFormat format, const fs::path& path) {
    const std::string text = spec.dump(format == FileFormat::json ? 2 : -1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (format == FileFormat::json) {
        base::replace_file(path, text + '\n');
        return;
    }
    const fs::path root = source_root();
    const std::string interpreter = python(root);
    const auto result = run_program({interpreter, (root / script).string(), std::string(name(format))}, text);
    if (!result) {
        throw base::Error(base::ErrorKind::missing, fmt::format("{}, which exports figures, is not there", interpreter), "deps/setup");
    }
    if (result->exit_code == 4) {  // the script's own sign for a missing module
        throw base::Error(base::ErrorKind::missing, std::string(base::trim(result->errors)), "deps/setup");
    }
    if (result->exit_code != 0) {
        throw base::Error(base::ErrorKind::failed, fmt::format("export of {} failed: {}", path.string(), base::trim(result->errors)),
                          "export the specification and look at it: -o figure.json");
    }
    base::replace_file(path, result->output);
}

void export_figure(const lab::Store& store, const lab::StudyView& view, const FigureChoice& choice, FileFormat format,
                   const fs::path& path) {
    const lab::Figure& figure = *choice.figure;
    if (figure.mark == lab::Mark::pictures) {
        throw base::Error(base::ErrorKind::usage, fmt::format("figure '{}' is a sheet of pictures, which only the page has", figure.name),
                          fmt::format("plumb report {}; or take the PNG files from the artifacts of a run", view.name));
    }
    if (figure.mark != lab::Mark::drawing) {
        const FigureData data = figure_data(store, view, choice.experiment, figure);
        const Palette palette(std::span<const lab::StudyView>(&view, 1));
        export_specification(vega_spec(data, palette, {Theme::paper, subtitle_of(view, data)}), format, path);
        return;
    }
    if (format == FileFormat::json) {
        throw base::Error(base::ErrorKind::usage, fmt::format("figure '{}' is a drawing and has no Vega-Lite specification", figure.name),
                          "svg, png, pdf");
    }
    base::replace_file(path, render_drawing(figure.graphviz, std::string(name(format)), "white"));
}

}  // namespace plumb::report
