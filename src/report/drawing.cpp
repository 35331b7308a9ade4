// SPDX-License-Identifier: Apache-2.0
#include "report/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "base/text.h"
#include "report/html.h"
#include "report/program.h"

namespace plumb::report {
namespace {

constexpr std::array<std::string_view, 12> kept_tags{"svg",  "g",     "path",   "polygon", "polyline", "ellipse",
                                                     "text", "tspan", "circle", "rect",    "line",     "desc"};
constexpr std::array<std::string_view, 27> kept_attributes{
    "d",           "points",    "x",          "y",  "cx", "cy", "rx", "ry",     "r",  "width",        "height",           "viewBox",
    "transform",   "fill",      "x1",         "y1", "x2", "y2", "dx", "stroke", "dy", "stroke-width", "stroke-dasharray", "text-anchor",
    "font-family", "font-size", "font-weight"};

template <std::size_t n>
bool listed(const std::array<std::string_view, n>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

/// One attribute of a tag that starts at `at`; moves `at` behind it. Empty name at the end of the tag.
std::pair<std::string_view, std::string_view> next_attribute(std::string_view tag, std::size_t& at) {
    while (at < tag.size() && (std::isspace(static_cast<unsigned char>(tag[at])) != 0 || tag[at] == '/')) {
        ++at;
    }
    const std::size_t equals = tag.find('=', at);
    if (equals == std::string_view::npos || equals + 1 >= tag.size()) {
        at = tag.size();
        return {};
    }
    const char quote = tag[equals + 1];
    const std::size_t end = quote == '"' || quote == '\'' ? tag.find(quote, equals + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
        at = tag.size();
        return {};
    }
    const std::pair<std::string_view, std::string_view> attribute{base::trim(tag.substr(at, equals - at)),
                                                                  tag.substr(equals + 2, end - equals - 2)};
    at = end + 1;
    return attribute;
}

std::string cleaned_tag(std::string_view name, std::string_view rest, std::string_view label) {
    std::string tag = fmt::format("<{}", name);
    bool filled = false;
    for (std::size_t at = 0; at < rest.size();) {
        auto [attribute, value] = next_attribute(rest, at);
        if (!listed(kept_attributes, attribute) || value.find_first_of("<>\"") != std::string_view::npos ||
            value.find("url(") != std::string_view::npos) {
            continue;
        }
        if ((attribute == "fill" || attribute == "stroke") && (value == "black" || value == "#000000")) {
            value = "currentColor";
        } else if (attribute == "fill" && value != "none" && value != "transparent") {
            filled = name != "text" && name != "g";
        }
        tag += fmt::format(" {}=\"{}\"", attribute, value);
    }
    if (filled) {
        tag += " fill-opacity=\"0.2\"";
    }
    if (name == "svg") {
        tag += fmt::format(" fill=\"currentColor\" role=\"img\" aria-label=\"{}\"", html_escaped(label));
    }
    const bool closed = !rest.empty() && rest.back() == '/';
    return tag + (closed ? "/>" : ">");
}

}  // namespace

std::string render_drawing(const std::string& source, const std::string& format, const std::string& background) {
    const auto result = run_program(
        {"dot", "-T" + format, "-Gbgcolor=" + background, "-Nfontname=Helvetica", "-Efontname=Helvetica", "-Gfontname=Helvetica"}, source);
    if (!result) {
        throw base::Error(base::ErrorKind::missing, "the program 'dot' of Graphviz, which makes drawings, is not installed", "deps/setup");
    }
    if (result->exit_code != 0) {
        throw base::Error(base::ErrorKind::usage, fmt::format("dot could not draw: {}", base::trim(result->errors)),
                          "mend the figure's graphviz source");
    }
    return result->output;
}

std::string inline_svg(std::string_view svg, std::string_view label) {
    std::string cleaned;
    std::string_view skipping;  // the element whose text is left out
    for (std::size_t at = 0; at < svg.size();) {
        const std::size_t open = std::min(svg.find('<', at), svg.size());
        if (skipping.empty() && !cleaned.empty()) {
            cleaned += svg.substr(at, open - at);
        }
        if (open == svg.size()) {
            break;
        }
        const bool comment = svg.substr(open).starts_with("<!--");
        const std::size_t close = comment ? svg.find("-->", open) : svg.find('>', open);
        if (close == std::string_view::npos) {
            break;
        }
        at = close + (comment ? 3 : 1);
        if (comment || svg[open + 1] == '!' || svg[open + 1] == '?') {
            continue;
        }
        const bool closing = svg[open + 1] == '/';
        const std::string_view inside = svg.substr(open + (closing ? 2 : 1), close - open - (closing ? 2 : 1));
        const std::size_t name_end = std::min(inside.find_first_of(" \t\r\n/"), inside.size());
        const std::string_view name = inside.substr(0, name_end);
        if (!skipping.empty()) {
            skipping = closing && name == skipping ? std::string_view() : skipping;
        } else if (listed(kept_tags, name)) {
            cleaned += closing ? fmt::format("</{}>", name) : cleaned_tag(name, inside.substr(name_end), label);
        } else if (!closing && name != "a" && (inside.empty() || inside.back() != '/')) {
            skipping = name;  // titles, scripts, styles: their text goes with them; links are opened up
        }
    }
    return cleaned;
}

}  // namespace plumb::report
