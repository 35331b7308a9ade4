// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "report/answers.h"
#include "report/table.h"

namespace plumb::report {
namespace {

constexpr std::size_t most_lines = 10;
constexpr std::size_t lines_of_doubt = 2;  // kept free however many answers there are

std::string answer_line(const AnswerCard& card, int width) {
    const std::string space(static_cast<std::size_t>(std::max(0, width - display_width(card.headline))), ' ');
    const std::string verdict = card.verdict.empty() ? std::string() : ", " + card.verdict;
    const std::string detail = card.detail + verdict;
    return fmt::format("  {}{}  {}{}", space, card.headline, card.text, detail.empty() ? "" : fmt::format(" ({})", detail));
}

/// At most `room` lines; the last one counts what found no place.
void add_limited(std::vector<std::string>& lines, std::vector<std::string> more, std::size_t room, const std::string& what) {
    if (more.size() > room) {
        const std::size_t left_out = more.size() - room + 1;
        more.resize(room - 1);
        more.push_back(fmt::format("  and {} more {} on the page", left_out, what));
    }
    lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

std::string summary(const lab::Store& store, const lab::StudyView& view, const std::string& page) {
    const std::vector<AnswerCard> cards = answer_cards(store, view);
    int width = 0;
    for (const AnswerCard& card : cards) {
        width = std::max(width, display_width(card.headline));
    }
    std::vector<std::string> answers;
    for (const AnswerCard& card : cards) {
        answers.push_back(answer_line(card, width));
    }
    std::vector<std::string> warnings;
    for (const Doubt& doubt : doubts(store, view, {})) {
        warnings.push_back("  doubt: " + doubt.text);
    }

    std::vector<std::string> lines{view.title.empty() ? view.name : view.title,
                                   fmt::format("study {}: {}", view.name, count_points(view).text())};
    const std::size_t room = most_lines - lines.size() - (page.empty() ? 0 : 1);
    const std::size_t room_for_answers = room - std::min(lines_of_doubt, warnings.size());
    add_limited(lines, answers, room_for_answers, "answers");
    add_limited(lines, warnings, room - std::min(answers.size(), room_for_answers), "doubts");
    if (!page.empty()) {
        lines.push_back("page: " + page);
    }
    std::string text;
    for (const std::string& line : lines) {
        text += line + '\n';
    }
    return text;
}

}  // namespace plumb::report
