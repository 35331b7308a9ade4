// SPDX-License-Identifier: Apache-2.0
#include "report/page.h"

#include <fmt/format.h>

#include "base/version.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/vega_bundle.h"

namespace plumb::report {
namespace {

// Even a mistake in this code cannot make the page fetch anything: the browser itself is told to refuse.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action "
    "'none'";

std::string names_of(std::span<const lab::StudyView> views) {
    std::string names;
    for (const lab::StudyView& view : views) {
        names += (names.empty() ? "" : ", ") + view.name;
    }
    return names;
}

std::string notes(bool can_draw) {
    std::string html =
        "<noscript><p class=note>Scripts are off: every table and text is here; figures, sorting, filters and downloads need "
        "scripts.</p></noscript>\n";
    if (!can_draw) {
        html +=
            "<p class=note>Figures are not drawn: this plumb was built without the drawing script. Run <code>deps/setup</code>, build "
            "again and make the "
            "page again. The tables hold the same numbers.</p>\n";
    }
    return html;
}

}  // namespace

std::string page(const lab::Store& store, std::span<const lab::StudyView> views, const PageOptions& options) {
    const std::string_view drawing_script = options.draw_with ? *options.draw_with : vega_bundle();
    const Palette palette(views);
    const bool alone = views.size() == 1;
    std::vector<SectionLink> links;
    std::string studies;
    for (std::size_t i = 0; i < views.size(); ++i) {
        const std::string prefix = alone ? std::string() : fmt::format("s{}-", i + 1);
        studies += study_html({store, views[i], palette, prefix, alone});
        links.push_back({prefix + "study", views[i].title.empty() ? views[i].name : views[i].title});
    }
    const std::string names = names_of(views);

    std::string html = fmt::format(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta http-equiv=Content-Security-Policy content=\"{}\">\n"
        "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<link rel=icon href=\"data:,\">\n<title>{} · "
        "plumb</title>\n<style>{}{}</style>\n</head>\n",
        policy, html_escaped(names), page_style(), look_style(palette));
    html += "<body>\n<a class=skip href=\"#main\">Skip to the results</a>\n<main id=main>\n";
    if (!alone) {
        html += fmt::format("<header><h1>{} studies: {}</h1></header>\n", views.size(), html_escaped(names));
        html += navigation_html(links, "Studies of this page");
    }
    html += notes(!drawing_script.empty());
    html += studies;
    html += "</main>\n";
    html += fmt::format("<footer>Made by plumb {}{}. One file, complete: it can be sent, kept and opened without a network.</footer>\n",
                        html_escaped(base::code_version()),
                        options.command.empty() ? "" : fmt::format(" with <code>{}</code>", html_escaped(options.command)));
    if (!drawing_script.empty()) {
        html += "<script>";
        html += drawing_script;
        html += "</script>\n";
    }
    html += fmt::format("<script>{}</script>\n</body>\n</html>\n", page_script());
    return html;
}

}  // namespace plumb::report
