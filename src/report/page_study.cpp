// SPDX-License-Identifier: Apache-2.0
// One study on the page: title, answers, what to doubt, experiments with figures and tables, checks, where it comes from, data.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "lab/host.h"
#include "report/answers.h"
#include "report/drawing.h"
#include "report/html.h"
#include "report/packed_json.h"
#include "report/page_parts.h"
#include "report/picture_sheet.h"
#include "report/study_tables.h"
#include "report/vega.h"
#include "report/words.h"

namespace plumb::report {
namespace {

constexpr std::size_t rows_shown_open = 18;  // a longer table is folded under its figure

std::string title_of(const lab::StudyView& view) {
    return view.title.empty() ? view.name : view.title;
}

std::string heading(int level, const std::string& id, const std::string& text) {
    return fmt::format("<h{0} id=\"{1}\">{2}</h{0}>\n", level, id, html_escaped(text));
}

/// A table that may scroll, folded under a line that says how long it is.
std::string folded_table(const Table& table, const HtmlTableOptions& options, const std::string& what, bool open) {
    return fmt::format("<details{}><summary>{}</summary><div class=scroll tabindex=0 role=region aria-label=\"{}\">{}</div></details>\n",
                       open ? " open" : "", html_escaped(what), html_escaped(options.caption), html_table(table, options));
}

std::string header_html(const StudySection& study, const std::string& id) {
    std::string versions;
    for (const std::string& version : code_versions(study.view)) {
        versions += " · plumb " + html_escaped(version);
    }
    const std::string day = last_day(study.view);
    std::string html = fmt::format("<header>\n<h{0} id=\"{1}\">{2}</h{0}>\n", study.alone ? 1 : 2, id, html_escaped(title_of(study.view)));
    html += fmt::format("<p class=soft>study <code>{}</code> · {}{}{}</p>\n", html_escaped(study.view.name),
                        html_escaped(count_points(study.view).text()), day.empty() ? "" : " · " + html_escaped(day), versions);
    if (!study.view.summary.empty()) {
        html += fmt::format("<p>{}</p>\n", html_escaped(study.view.summary));
    }
    return html + "</header>\n";
}

std::string answers_html(const StudySection& study) {
    const std::vector<AnswerCard> cards = answer_cards(study.store, study.view);
    if (cards.empty()) {
        return {};
    }
    std::string html = "<section aria-label=Answers>\n<ul class=answers>\n";
    for (const AnswerCard& card : cards) {
        html += fmt::format("<li><b>{}</b>{}<small>{}", html_escaped(card.headline), html_escaped(card.text), html_escaped(card.detail));
        if (!card.verdict.empty()) {
            html += fmt::format(" · verdict {}", status_html(card.verdict));
        }
        html += "</small>\n";
    }
    return html + "</ul>\n</section>\n";
}

std::string doubts_html(const StudySection& study, std::span<const FigureData> figures) {
    const std::vector<Doubt> found = doubts(study.store, study.view, figures);
    if (found.empty()) {
        return {};
    }
    const bool calm = std::ranges::all_of(found, [](const Doubt& doubt) { return doubt.tone == Tone::plain; });
    std::string html =
        fmt::format("<section class=\"doubt{0}\" aria-labelledby=\"{1}doubt\">\n<h2 id=\"{1}doubt\">What to doubt</h2>\n<ul>\n",
                    calm ? " calm" : "", study.prefix);
    for (const Doubt& doubt : found) {
        const char* tone = doubt.tone == Tone::bad ? " class=bad" : doubt.tone == Tone::doubtful ? " class=doubtful" : "";
        html += fmt::format("<li{}>{}\n", tone, html_escaped(doubt.text));
    }
    return html + "</ul>\n</section>\n";
}

/// How to read the marks, said once under the figure.
std::string reading_help(const FigureData& data) {
    std::string help;
    const auto any = [&](const auto& test) { return std::ranges::any_of(data.rows, test); };
    const auto all = [&](const auto& test) { return std::ranges::all_of(data.rows, test); };
    const bool intervals = any([](const FigureRow& row) { return row.y && *row.low != *row.high; });
    if (data.figure.relative) {
        const bool paired = all([](const FigureRow& row) { return !row.judgement || row.judgement->paired; });
        help += paired ? "Median of ratios paired block by block, with 95 % interval. "
                       : "Ratio of medians with 95 % interval; not all were interleaved. ";
    } else if (intervals) {
        help += !data.figure.band ? "" : data.figure.mean ? "Mean, smallest and largest. " : "Value with 95 % interval. ";
    }
    std::set<std::string> sources;
    for (const FigureRow& row : data.rows) {
        if (row.published) {
            sources.insert(row.published_source);
        }
    }
    for (const std::string& source : sources) {
        help += fmt::format("Tick across a bar's place: published in {}. ", source);
    }
    const auto missing = static_cast<std::size_t>(std::ranges::count_if(data.rows, [](const FigureRow& row) { return !row.y; }));
    if (missing > 0) {
        const bool crosses = data.x_is_number && any([](const FigureRow& row) { return !row.y && row.x_number; });
        help += fmt::format("{} without a number{}: the table says why. ", count_text(missing, "point"), crosses ? " (× at the foot)" : "");
    }
    if (any([](const FigureRow& row) { return row.y && row.check == "mistrusted"; })) {
        help += "Pale: its check proves little. ";
    }
    return help;
}

std::string caption_html(const std::string& help, const std::string& command, const std::string& links_id) {
    std::string html = "<figcaption>" + html_escaped(help);
    if (!command.empty()) {
        html += fmt::format("<code>{}</code>", html_escaped(command));
    }
    return html + fmt::format(" <span class=links id=\"{}\"></span></figcaption>\n", links_id);
}

std::string drawing_html(const FigureData& data, const std::string& id, const std::string& name) {
    const std::string title = html_escaped(data.figure.title);
    std::string html = fmt::format(
        "<figure>\n<div class=\"scroll drawing\" tabindex=0 role=region aria-label=\"{}\" data-name=\"{}\" data-title=\"{}\" "
        "data-links=\"{}-links\">\n",
        title, name, title, id);
    try {
        html += inline_svg(render_drawing(data.figure.graphviz, "svg"), data.figure.title);
    } catch (const base::Error& error) {  // a drawing that cannot be made must not cost the page
        html +=
            fmt::format("<p class=note>No drawing: {}. Next: <code>{}</code></p>", html_escaped(error.what()), html_escaped(error.hint()));
    }
    return html + "</div>\n" + caption_html("", "", id + "-links") + "</figure>\n";
}

std::string drawn_plot_html(const StudySection& study, const FigureData& data, const std::string& id, const std::string& name) {
    const std::string title = html_escaped(data.figure.title);
    std::string html = fmt::format(
        "<figure>\n<div class=scroll tabindex=0 role=region aria-label=\"Figure: {0}\"><div class=plot data-spec=\"{1}-spec\" "
        "data-name=\"{2}\" "
        "data-title=\"{0}\" data-links=\"{1}-links\"><p class=soft>This figure is drawn by the page's script; its numbers are in the table "
        "below.</p></div></div>\n",
        title, id, name);
    html += caption_html(reading_help(data), data.command, id + "-links") + "</figure>\n";
    return html + fmt::format("<script type=\"application/json\" id=\"{}-spec\">{}</script>\n", id,
                              json_for_html(packed(vega_spec(data, study.palette))));
}

/// Nothing to draw yet: the reasons stand in the table.
std::string empty_plot_html(const FigureData& data) {
    return fmt::format("<p class=note>No point of this figure has a number yet; the table says why. Next: <code>{}</code></p>\n",
                       html_escaped(data.command));
}

std::string plot_html(const StudySection& study, const FigureData& data, const std::string& id, const std::string& name) {
    std::string html = data.has_numbers() ? drawn_plot_html(study, data, id, name) : empty_plot_html(data);
    HtmlTableOptions options{id + "-table", data.figure.title, {}, "check", {}, {}};
    options.look_column = data.figure.mark == lab::Mark::grid ? std::string() : data.figure.colour;  // cells of a grid have one colour
    options.look_of = [&](const std::string& value) { return study.palette.index_of(data.figure.colour, value); };
    const Table table = figure_table(data);
    return html + folded_table(table, options, fmt::format("Table ({})", count_text(table.rows.size(), "row")),
                               table.rows.size() <= rows_shown_open);
}

std::string figure_html(const StudySection& study, std::size_t experiment, const FigureData& data, int level,
                        std::vector<SectionLink>& links) {
    const bool pictures = data.figure.mark == lab::Mark::pictures;
    const std::string sheets =
        pictures ? picture_sheets_html(picture_sheets(study.store, study.view, experiment, data.figure)) : std::string();
    if (pictures && sheets.empty()) {
        return {};  // no run left any: its data has none
    }
    const std::string id = study.prefix + slug(data.experiment) + "-" + slug(data.figure.name);
    const std::string title = data.figure.title.empty() ? data.figure.name : data.figure.title;
    std::string html = fmt::format("<section aria-labelledby=\"{}\">\n", id) + heading(level, id, title);
    links.push_back({id, title});
    if (!data.figure.caption.empty()) {
        html += fmt::format("<p>{}</p>\n", html_escaped(data.figure.caption));
    }
    const std::string name = fmt::format("{}-{}", slug(study.view.name), slug(data.figure.name));
    html += pictures ? sheets : data.figure.mark == lab::Mark::drawing ? drawing_html(data, id, name) : plot_html(study, data, id, name);
    return html + "</section>\n";
}

std::string experiment_html(const StudySection& study, std::size_t index, std::span<const FigureData> figures,
                            std::vector<SectionLink>& links) {
    const lab::ViewExperiment& experiment = study.view.experiments[index];
    const bool several = study.view.experiments.size() > 1;
    const int level = (study.alone ? 2 : 3);
    const std::string id = study.prefix + "experiment-" + slug(experiment.name);
    const std::size_t points = study.view.rows_of(index).size();
    std::string html;
    if (several || figures.empty()) {
        html += heading(level, id, fmt::format("Experiment: {}", experiment.name));
        html += fmt::format("<p class=soft>family {} · {} · <code>{}</code></p>\n", html_escaped(experiment.family),
                            count_text(points, "point"), html_escaped(experiment.command));
        links.push_back({id, "Experiment: " + experiment.name});
    }
    for (const FigureData& data : figures) {
        const bool has_rows = data.figure.mark != lab::Mark::drawing && data.figure.mark != lab::Mark::pictures;
        if (!has_rows || !data.rows.empty()) {
            html += figure_html(study, index, data, several ? level + 1 : level, links);
        }
    }
    const HtmlTableOptions options{id + "-points", fmt::format("All points of {}", experiment.name), {}, "status", {}, {}};
    html += folded_table(experiment_table(study.view, index), options,
                         fmt::format("All {} of {}", count_text(points, "point"), experiment.name), figures.empty());
    return html;
}

/// One table over all experiments, where they measure the same things: settings and data that stand apart below can be read off side by
/// side.
std::string overview_html(const StudySection& study, std::vector<SectionLink>& links) {
    constexpr std::size_t most_rows = 60;
    const std::vector<lab::ViewExperiment>& experiments = study.view.experiments;
    const auto same_family = [&](const lab::ViewExperiment& experiment) { return experiment.family == experiments.front().family; };
    if (experiments.size() < 2 || study.view.rows.size() > most_rows || !std::ranges::all_of(experiments, same_family)) {
        return {};
    }
    const std::string id = study.prefix + "overview";
    links.push_back({id, "All results"});
    const Table table = all_points_table(study.view);
    const HtmlTableOptions options{id + "-table", "All points of all experiments", {}, "status", {}, {}};
    return fmt::format("<section aria-labelledby=\"{}\">\n", id) + heading(study.alone ? 2 : 3, id, "All results") +
           folded_table(table, options, fmt::format("Table ({})", count_text(table.rows.size(), "row")), true) + "</section>\n";
}

/// The command that repeats a check is a third of a long table, and wanted where something is wrong; the download has them all.
void fold_passed_repro_lines(Table& table) {
    const auto column = [&](std::string_view name) {
        return static_cast<std::size_t>(std::ranges::find(table.columns, name, &Column::name) - table.columns.begin());
    };
    const std::size_t status = column("status");
    const std::size_t repro = column("repro");
    for (auto& row : table.rows) {
        if (row[status].text == lab::name(lab::CheckStatus::passed)) {
            row[repro] = Cell{};
        }
    }
}

std::string checks_html(const StudySection& study, std::vector<SectionLink>& links) {
    Table table = checks_table(study.view);
    if (table.rows.empty()) {
        return {};
    }
    fold_passed_repro_lines(table);
    std::map<lab::CheckStatus, std::size_t> counts;
    std::set<std::string> runs;
    for (const lab::ViewRow& row : study.view.rows) {
        if (row.record && runs.insert(row.record->run).second) {
            for (const lab::Check& check : row.record->checks) {
                ++counts[check.status];
            }
        }
    }
    const std::string id = study.prefix + "checks";
    links.push_back({id, "Checks"});
    std::string text = fmt::format("{} passed", counts[lab::CheckStatus::passed]);
    text += counts[lab::CheckStatus::mistrusted] > 0
                ? fmt::format(", {} mistrusted: passed, but proving little", counts[lab::CheckStatus::mistrusted])
                : "";
    text += counts[lab::CheckStatus::failed] > 0 ? fmt::format(", {} failed", counts[lab::CheckStatus::failed]) : "";
    std::string html = fmt::format("<section aria-labelledby=\"{}\">\n", id) + heading(study.alone ? 2 : 3, id, "Checks");
    html += fmt::format(
        "<p>No number above was recorded before its output had been compared with a reference on the same inputs. {} of {}: {}.</p>\n",
        count_text(table.rows.size(), "check"), count_text(runs.size(), "run"), text);
    const HtmlTableOptions options{id + "-table", "Every check", study.prefix + "run-", {}, {}, {}};
    return html + folded_table(table, options, fmt::format("Every check ({})", table.rows.size()), false) + "</section>\n";
}

/// Distinct texts in order of the plan, each once.
template <typename TextOf>
std::vector<std::string> distinct_of_runs(const lab::StudyView& view, const TextOf& text_of) {
    std::vector<std::string> texts;
    for (const lab::ViewRow& row : view.rows) {
        std::string text = row.record ? text_of(*row.record) : std::string();
        if (!text.empty() && std::ranges::find(texts, text) == texts.end()) {
            texts.push_back(std::move(text));
        }
    }
    return texts;
}

std::string built_with(const lab::Record& record) {
    if (!record.host.is_object()) {
        return {};
    }
    std::string text = record.host.value("compiler", std::string());
    if (const auto libraries = record.host.find("libraries"); libraries != record.host.end() && libraries->is_object()) {
        for (const auto& [name, version] : libraries->items()) {
            const std::string words = version.is_string() ? version.get<std::string>() : version.dump();
            text += fmt::format("{}{}", text.empty() ? "" : ", ", words.starts_with(name) ? words : name + " " + words);
        }
    }
    return text;
}

std::string data_of(const lab::Record& record) {
    if (record.point.inputs.empty()) {
        return fmt::format("generated, seed {}", record.point.seed);
    }
    std::string text;
    for (const auto& [name, digest] : record.point.inputs) {
        text += fmt::format("{}{} ({}…)", text.empty() ? "" : ", ", name, digest.substr(0, 12));
    }
    return text;
}

std::string origin_html(const StudySection& study, std::vector<SectionLink>& links) {
    const std::string id = study.prefix + "origin";
    links.push_back({id, "Where this comes from"});
    std::string html =
        fmt::format("<section aria-labelledby=\"{}\">\n", id) + heading(study.alone ? 2 : 3, id, "Where this comes from") + "<dl>\n";
    const auto add = [&](const char* term, const std::vector<std::string>& texts) {
        if (!texts.empty()) {
            html += fmt::format("<dt>{}", term);
            for (const std::string& text : texts) {
                html += "<dd>" + html_escaped(text);
            }
            html += '\n';
        }
    };
    const lab::StudyView& view = study.view;
    add("machine", distinct_of_runs(view, [](const lab::Record& record) {
            return record.host.is_object() ? lab::summarize_host(record.host) : std::string();
        }));
    add("built with", distinct_of_runs(view, built_with));
    add("code", code_versions(view));
    std::string first;
    std::string last;
    for (const lab::ViewRow& row : view.rows) {
        if (row.record) {
            first = first.empty() ? row.record->started : std::min(first, row.record->started);
            last = std::max(last, row.record->ended);
        }
    }
    if (!first.empty()) {
        add("measured", {first == last ? first : fmt::format("{} to {}", first, last)});
    }
    html += fmt::format("<dt>again<dd><code>{}</code>\n", html_escaped(view.command));
    std::vector<std::string> data = distinct_of_runs(view, data_of);
    if (data.size() > 8) {
        data = {fmt::format("{} different inputs; the download names each", data.size())};
    }
    add("data", data);
    html += fmt::format("<dt>results<dd><span data-study-data=\"{}data\" data-name=\"{}\">{}, embedded in this page </span>\n",
                        study.prefix, slug(view.name), count_text(view.rows.size(), "point"));
    html += "</dl>\n</section>\n";
    return html + fmt::format("<script type=\"application/json\" id=\"{}data\">{}</script>\n", study.prefix,
                              json_for_html(packed(show_json(view))));
}

}  // namespace

std::string navigation_html(const std::vector<SectionLink>& links, std::string_view label) {
    constexpr std::size_t worth_a_list = 2;
    if (links.size() < worth_a_list) {
        return {};
    }
    std::string html = fmt::format("<nav aria-label=\"{}\"><ul>", html_escaped(label));
    for (const SectionLink& link : links) {
        html += fmt::format("<li><a href=\"#{}\">{}</a>", link.id, html_escaped(link.text));
    }
    return html + "</ul></nav>\n";
}

std::string study_html(const StudySection& study) {
    const std::string id = study.prefix + "study";
    std::vector<FigureData> figures;
    std::vector<std::size_t> first_figure{0};  // figures of experiment i: [first_figure[i], first_figure[i + 1])
    for (std::size_t i = 0; i < study.view.experiments.size(); ++i) {
        for (const lab::Figure& figure : study.view.experiments[i].figures) {
            figures.push_back(figure_data(study.store, study.view, i, figure));
        }
        first_figure.push_back(figures.size());
    }
    std::vector<SectionLink> links;
    std::string body = overview_html(study, links);
    for (std::size_t i = 0; i < study.view.experiments.size(); ++i) {
        const std::span<const FigureData> own(figures.data() + first_figure[i], first_figure[i + 1] - first_figure[i]);
        body += experiment_html(study, i, own, links);
    }
    body += checks_html(study, links);
    body += origin_html(study, links);

    std::string html = fmt::format("<article aria-labelledby=\"{}\" data-prefix=\"{}\">\n", id, study.prefix);
    html += header_html(study, id);
    html += answers_html(study);
    html += doubts_html(study, figures);
    html += navigation_html(links, "Sections of study " + study.view.name);
    return html + body + "</article>\n";
}

}  // namespace plumb::report
