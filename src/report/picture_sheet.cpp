// SPDX-License-Identifier: Apache-2.0
#include "report/picture_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/base64.h"
#include "base/file.h"
#include "report/csv_table.h"
#include "report/html.h"
#include "report/words.h"

namespace plumb::report {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view picture_word = "picture";
constexpr std::string_view title_word = "title";
constexpr std::string_view png_magic = "\x89PNG\r\n\x1a\n";
constexpr std::size_t least_of_a_run = 3;

/// Empty where it is no PNG file of these artifacts: a store may come from somebody else, and a page must not carry other files away.
std::string png_in(const fs::path& artifacts, const std::string& name) {
    std::error_code problem;
    const fs::path file = fs::canonical(artifacts / name, problem);
    if (problem || !fs::is_regular_file(file)) {
        return {};
    }
    const fs::path from_artifacts = file.lexically_relative(fs::canonical(artifacts));
    if (from_artifacts.empty() || *from_artifacts.begin() == "..") {
        return {};
    }
    std::string content = base::read_file(file);
    return content.starts_with(png_magic) ? content : std::string();
}

/// `header` and `cells` of one length.
PictureCard card_of(const std::vector<std::string>& header, const std::vector<std::string>& cells, const fs::path& artifacts) {
    PictureCard card;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const std::string& name = header[i];
        const std::string& text = cells[i];
        if (name.starts_with(picture_word)) {
            const std::size_t begin = std::min(name.size(), picture_word.size() + 1);
            std::string png = text.empty() ? std::string() : png_in(artifacts, text);
            if (!png.empty()) {
                card.pictures.push_back({name.substr(begin), std::move(png)});
            }
        } else if (name == title_word) {
            card.title = text;
        } else if (!text.empty()) {
            card.lines.emplace_back(name, text);
        }
    }
    return card;
}

std::string card_html(const PictureCard& card) {
    std::string html = "<li><div class=pictures>";
    for (const PictureCard::Picture& picture : card.pictures) {
        html += fmt::format("<img alt=\"{}\" src=\"data:image/png;base64,{}\">",
                            html_escaped(card.title.empty() ? picture.what : picture.what + ": " + card.title), base::base64(picture.png));
    }
    html += fmt::format("</div><b>{}</b>", html_escaped(card.title));
    for (const auto& [name, value] : card.lines) {
        html += fmt::format("<span>{} <i>{}</i></span>", html_escaped(name), html_escaped(value));
    }
    return html + "\n";
}

}  // namespace

std::vector<PictureSheet> picture_sheets(const lab::Store& store, const lab::StudyView& view, std::size_t experiment,
                                         const lab::Figure& figure, std::size_t most) {
    std::vector<std::pair<const lab::ViewRow*, fs::path>> with_table;
    for (const lab::ViewRow* row : view.rows_of(experiment)) {
        if (row->status() != "done" || !matches(row->point.settings, figure.where)) {
            continue;
        }
        const fs::path artifacts = store.run_folder(*row->record) / "artifacts";
        if (fs::exists(artifacts / (figure.table + ".csv"))) {
            with_table.emplace_back(row, artifacts);
        }
    }
    std::vector<PictureSheet> sheets;
    for (const auto& [row, artifacts] : with_table) {
        std::vector<std::vector<std::string>> rows = read_csv(base::read_file(artifacts / (figure.table + ".csv")));
        const std::vector<std::string> header = rows.empty() ? std::vector<std::string>() : rows.front();
        PictureSheet sheet{point_text(view.experiments.at(experiment), row->point), row->record->run, rows.size() - !rows.empty(), {}};
        const std::size_t of_each = std::min(std::max(least_of_a_run, most / with_table.size()), sheet.all);
        for (std::size_t i = 1; i <= of_each; ++i) {
            rows[i].resize(header.size());
            sheet.cards.push_back(card_of(header, rows[i], artifacts));
        }
        sheets.push_back(std::move(sheet));
    }
    return sheets;
}

std::string picture_sheets_html(const std::vector<PictureSheet>& sheets) {
    std::string html;
    for (const PictureSheet& sheet : sheets) {
        const std::string shown = sheet.all == 0                    ? std::string("none")
                                  : sheet.cards.size() == sheet.all ? fmt::format("all {}", sheet.all)
                                                                    : fmt::format("the first {} of {}", sheet.cards.size(), sheet.all);
        html += fmt::format("<p class=\"soft sheet-of\">{}{} · run <code>{}</code></p>\n",
                            sheet.point.empty() ? std::string() : fmt::format("<code>{}</code> · ", html_escaped(sheet.point)), shown,
                            html_escaped(short_run(sheet.run)));
        if (sheet.cards.empty()) {
            continue;
        }
        html += "<ul class=sheet>\n";
        for (const PictureCard& card : sheet.cards) {
            html += card_html(card);
        }
        html += "</ul>\n";
    }
    return html;
}

}  // namespace plumb::report
