// SPDX-License-Identifier: Apache-2.0
#include "report/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/units.h"
#include "lab/compare.h"
#include "report/words.h"

namespace plumb::report {
namespace {

using Rows = std::vector<const lab::ViewRow*>;

Rows rows_of(const lab::StudyView& view, const lab::Answer& answer, const lab::Settings& wanted) {
    Rows rows;
    for (const lab::ViewRow& row : view.rows) {
        const bool here = answer.experiment.empty() || view.experiments.at(row.experiment).name == answer.experiment;
        if (here && matches(row.point.settings, wanted)) {
            rows.push_back(&row);
        }
    }
    return rows;
}

std::string settings_text(const lab::Settings& settings) {
    std::string text;
    for (const lab::Setting& setting : settings) {
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", setting.name, lab::format(setting.value));
    }
    return text;
}

bool is_done(const lab::ViewRow* row) {
    return row->record && row->record->status == lab::Status::done;
}

std::string why_not(const Rows& rows, const lab::Settings& wanted) {
    if (rows.empty()) {
        return fmt::format("no point with {} in this study", settings_text(wanted));
    }
    const std::string reason = rows.front()->reason();
    return reason.empty() ? rows.front()->status() : fmt::format("{}: {}", rows.front()->status(), reason);
}

std::string several(const Rows& rows) {
    return rows.size() > 1 ? fmt::format(" · first of {} points that fit", rows.size()) : std::string();
}

AnswerCard value_card(const lab::StudyView& view, const lab::Answer& answer) {
    AnswerCard card{"–", answer.text, {}, {}};
    Rows rows = rows_of(view, answer, answer.of);
    const auto first_done = std::ranges::find_if(rows, is_done);
    if (first_done == rows.end()) {
        card.detail = why_not(rows, answer.of);
        return card;
    }
    const lab::ViewRow& row = **first_done;
    const lab::MetricValue* value = row.record->metric(answer.metric);
    if (value == nullptr) {
        card.detail = fmt::format("the point records no '{}'", answer.metric);
        return card;
    }
    const lab::Metric* metric = metric_named(view.experiments.at(row.experiment), answer.metric);
    const std::string unit = metric != nullptr ? metric->unit : "";
    card.headline = quantity_text(value->value, unit);
    card.detail = value->low != value->high ? fmt::format("95 % interval {}", interval_text(value->low, value->high, unit)) : "exact";
    if (value->samples > 1) {
        card.detail += fmt::format(" · {} samples", value->samples);
    }
    card.detail += several(rows);
    return card;
}

bool named(const lab::Settings& settings, const std::string& name) {
    return lab::find(settings, name) != nullptr;
}

/// Two points that agree in everything but what the answer names.
bool differ_only_as_named(const lab::ViewRow& a, const lab::ViewRow& b, const lab::Answer& answer) {
    return a.experiment == b.experiment && std::ranges::all_of(a.point.settings, [&](const lab::Setting& setting) {
               const lab::Value* other = lab::find(b.point.settings, setting.name);
               return named(answer.of, setting.name) || named(answer.over, setting.name) || (other != nullptr && *other == setting.value);
           });
}

AnswerCard ratio_card(const lab::Store& store, const lab::StudyView& view, const lab::Answer& answer) {
    AnswerCard card{"–", answer.text, {}, {}};
    const Rows of = rows_of(view, answer, answer.of);
    const Rows over = rows_of(view, answer, answer.over);
    for (const lab::ViewRow* candidate : of) {
        for (const lab::ViewRow* baseline : over) {
            if (!is_done(candidate) || !is_done(baseline) || !differ_only_as_named(*candidate, *baseline, answer)) {
                continue;
            }
            const lab::Metric* metric = metric_named(view.experiments.at(candidate->experiment), answer.metric);
            if (metric == nullptr || candidate->record->metric(answer.metric) == nullptr ||
                baseline->record->metric(answer.metric) == nullptr) {
                card.detail = fmt::format("the points record no '{}'", answer.metric);
                return card;
            }
            const lab::Judgement judgement = lab::compare_records(store, *baseline->record, *candidate->record, *metric);
            card.headline = times_text(judgement.ratio.value);
            card.detail = fmt::format("95 % interval {} · {}", ratio_interval(judgement.ratio.low, judgement.ratio.high),
                                      judgement.paired ? "measured interleaved" : "not interleaved");
            card.verdict = lab::name(judgement.verdict);
            return card;
        }
    }
    const bool candidate_lacks = std::ranges::none_of(of, is_done);
    const bool baseline_lacks = std::ranges::none_of(over, is_done);
    card.detail = candidate_lacks  ? why_not(of, answer.of)
                  : baseline_lacks ? why_not(over, answer.over)
                                   : "no two finished points differ in just what is compared";
    return card;
}

AnswerCard best_card(const lab::StudyView& view, const lab::Answer& answer) {
    AnswerCard card{"–", answer.text, {}, {}};
    const Rows rows = rows_of(view, answer, answer.of);
    const auto has_number = [&](const lab::ViewRow* row) { return is_done(row) && row->record->metric(answer.metric) != nullptr; };
    const auto is_trusted = [&](const lab::ViewRow* row) { return !row->record->mistrusted(); };
    Rows able, trusted;
    std::ranges::copy_if(rows, std::back_inserter(able), has_number);
    std::ranges::copy_if(able, std::back_inserter(trusted), is_trusted);
    if (able.empty()) {
        card.detail = rows.empty() ? why_not(rows, answer.of) : fmt::format("no point has a '{}' yet", answer.metric);
        return card;
    }
    const Rows& candidates = trusted.empty() ? able : trusted;
    const lab::ViewExperiment& experiment = view.experiments.at(candidates.front()->experiment);
    const lab::Metric* metric = metric_named(experiment, answer.metric);
    const double sign = metric != nullptr && metric->better == lab::Metric::Better::higher ? -1 : 1;
    const lab::ViewRow* best = *std::ranges::min_element(
        candidates, {}, [&](const lab::ViewRow* row) { return sign * row->record->metric(answer.metric)->value; });
    card.headline = quantity_text(best->record->metric(answer.metric)->value, metric != nullptr ? metric->unit : "");
    card.detail = fmt::format("{} · best of {}", point_text(view.experiments.at(best->experiment), best->point),
                              count_text(candidates.size(), "point"));
    if (trusted.empty()) {
        card.detail += ", all mistrusted";
    } else if (trusted.size() < able.size()) {
        card.detail += fmt::format(", {} mistrusted left out", able.size() - trusted.size());
    }
    return card;
}

AnswerCard checks_card(const lab::StudyView& view, const lab::Answer& answer) {
    const Rows rows = rows_of(view, answer, answer.of);
    std::size_t verified = 0;
    const lab::Check* worst = nullptr;
    for (const lab::ViewRow* row : rows) {
        if (!row->record) {
            continue;
        }
        verified += row->record->verified() && !row->record->mistrusted() ? 1 : 0;
        for (const lab::Check& check : row->record->checks) {
            const bool asked = !answer.metric.empty() && check.name == answer.metric && check.bound > 0;
            if (asked && (worst == nullptr || !(check.measured / check.bound <= worst->measured / worst->bound))) {
                worst = &check;
            }
        }
    }
    AnswerCard card{fmt::format("{} / {}", verified, rows.size()), answer.text, {}, {}};
    if (worst != nullptr) {
        card.detail = fmt::format("worst {}: {} (bound {})", worst->metric.empty() ? worst->name : worst->metric,
                                  quantity_text(worst->measured, worst->unit), quantity_text(worst->bound, worst->unit));
    } else {
        card.detail = verified == rows.size() ? "every output was checked" : "the others are under 'What to doubt'";
    }
    return card;
}

}  // namespace

Counts count_points(const lab::StudyView& view) {
    Counts counts;
    counts.points = view.rows.size();
    for (const lab::ViewRow& row : view.rows) {
        ++counts.by_status[row.status()];
        counts.mistrusted += row.record && row.record->mistrusted() ? 1 : 0;
    }
    return counts;
}

std::string Counts::text() const {
    const auto count = [&](const std::string& status) {
        const auto found = by_status.find(status);
        return found == by_status.end() ? std::size_t{0} : found->second;
    };
    std::string text =
        fmt::format("{}, {} done and verified", count_text(points, "point"), count("done") - std::min(mistrusted, count("done")));
    if (mistrusted > 0) {
        text += fmt::format(", {} done but mistrusted", mistrusted);
    }
    for (const auto& [status, number] : by_status) {
        if (status != "done") {
            text += fmt::format(", {} {}", number, status == "timeout" ? "timed out" : status);
        }
    }
    return text;
}

std::vector<AnswerCard> answer_cards(const lab::Store& store, const lab::StudyView& view) {
    std::vector<AnswerCard> cards;
    for (const lab::Answer& answer : view.answers) {
        switch (answer.kind) {
            case lab::Answer::Kind::value:
                cards.push_back(value_card(view, answer));
                break;
            case lab::Answer::Kind::ratio:
                cards.push_back(ratio_card(store, view, answer));
                break;
            case lab::Answer::Kind::checks:
                cards.push_back(checks_card(view, answer));
                break;
            case lab::Answer::Kind::best:
                cards.push_back(best_card(view, answer));
                break;
        }
    }
    return cards;
}

std::string last_day(const lab::StudyView& view) {
    std::string latest;
    for (const lab::ViewRow& row : view.rows) {
        latest = row.record ? std::max(latest, row.record->ended) : latest;
    }
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::size_t month = 0;
    int day = 0;
    if (latest.size() < 10 || std::from_chars(&latest[5], &latest[7], month).ec != std::errc() ||
        std::from_chars(&latest[8], &latest[10], day).ec != std::errc() || month < 1 || month > months.size()) {
        return latest;
    }
    return fmt::format("{} {} {}", day, months[month - 1], latest.substr(0, 4));
}

std::vector<std::string> code_versions(const lab::StudyView& view) {
    std::vector<std::string> versions;
    for (const lab::ViewRow& row : view.rows) {
        if (row.record && std::ranges::find(versions, row.record->code_version) == versions.end()) {
            versions.push_back(row.record->code_version);
        }
    }
    return versions;
}

}  // namespace plumb::report
