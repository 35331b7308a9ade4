// SPDX-License-Identifier: Apache-2.0
// What to doubt. To add a doubt: a function here and its line in doubts(), at the place of its gravity.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/units.h"
#include "lab/compare.h"
#include "lab/host.h"
#include "lab/noise.h"
#include "report/answers.h"
#include "report/words.h"

namespace plumb::report {
namespace {

using Found = std::vector<Doubt>;

/// "1 point has", "3 points have"
std::string points_verb(std::size_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count_text(count, "point"), count == 1 ? one : many);
}

std::string full_stop(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text.empty() || text.back() == '.' || text.back() == '?' || text.back() == '!' ? text : text + '.';
}

void add_missing_numbers(Found& found, const lab::StudyView& view) {
    struct Group {
        std::size_t count = 0;
        std::string example;
    };
    std::map<std::pair<std::string, std::string>, Group> groups;
    for (const lab::ViewRow& row : view.rows) {
        const std::string status = row.status();
        if (status != "done") {
            Group& group = groups[{status, status == "not run" ? std::string() : row.reason()}];
            group.example = group.count++ == 0 ? point_text(view.experiments.at(row.experiment), row.point) : group.example;
        }
    }
    for (const auto& [key, group] : groups) {
        const auto& [status, reason] = key;
        const bool verb = status == "failed";
        const std::string subject = verb                  ? points_verb(group.count, "failed", "failed")
                                    : status == "timeout" ? points_verb(group.count, "timed out", "timed out")
                                    : status == "not run" ? points_verb(group.count, "has not been run", "have not been run")
                                                          : fmt::format("{} {}", points_verb(group.count, "is", "are"), status);
        const std::string where = group.count == 1 ? group.example : "first: " + group.example;
        found.push_back({tone_of(status), full_stop(fmt::format("{} ({}){}{}", subject, where, reason.empty() ? "" : ": ", reason))});
    }
}

void add_noise_floor(Found& found, const lab::Store& store, const lab::StudyView& view) {
    std::set<std::string> machines;
    for (const lab::ViewRow& row : view.rows) {
        if (row.record && !lab::is_foreign(row.record->host)) {
            machines.insert(row.record->host.is_object() ? row.record->host.value("machine", std::string()) : std::string());
        }
    }
    for (const std::string& machine : machines) {
        const auto floor = machine.empty() ? std::nullopt : lab::load_noise_floor(store, machine);
        const std::string which =
            machines.size() > 1 ? fmt::format("machine {}", machine.empty() ? "without a name" : machine) : "this machine";
        if (!floor) {
            found.push_back(
                {Tone::doubtful, fmt::format("The noise floor of {} was never measured, so no difference is called faster or slower. "
                                             "Measure it with: plumb doctor",
                                             which)});
        } else {
            found.push_back(
                {Tone::plain,
                 fmt::format("The noise floor of {} is {} for interleaved and {} for separate measurements; smaller differences are "
                             "called \"same\" or \"unclear\".",
                             which, quantity_text(floor->paired, "share"), quantity_text(floor->unpaired, "share"))});
        }
    }
}

void add_mistrusted(Found& found, const lab::StudyView& view) {
    std::map<std::pair<std::string, std::string>, std::size_t> counts;
    for (const lab::ViewRow& row : view.rows) {
        for (const lab::Check& check : row.record ? row.record->checks : std::vector<lab::Check>{}) {
            if (check.status == lab::CheckStatus::mistrusted) {
                ++counts[{check.name, check.note}];
            }
        }
    }
    for (const auto& [check, count] : counts) {
        found.push_back({Tone::doubtful, full_stop(fmt::format("The check '{}' passed but proves little for {}: {}", check.first,
                                                               count_text(count, "point"), check.second))});
    }
}

void add_verdicts(Found& found, std::span<const FigureData> figures) {
    for (const FigureData& figure : figures) {
        std::size_t judged = 0;
        std::size_t unclear = 0;
        std::size_t unpaired = 0;
        std::string why;
        for (const FigureRow& row : figure.rows) {
            if (row.judgement) {
                ++judged;
                unpaired += row.judgement->paired ? 0 : 1;
                if (row.judgement->verdict == lab::Verdict::unclear) {
                    why = unclear++ == 0 ? row.judgement->reason : why;
                }
            }
        }
        if (unclear > 0) {
            found.push_back({Tone::doubtful, full_stop(fmt::format("{}: {} of {} are unclear. {}", figure.figure.title, unclear,
                                                                   count_text(judged, "ratio"), why))});
        }
        if (unpaired > 0) {
            found.push_back({Tone::doubtful, fmt::format("{}: {} of {} compare measurements that were not interleaved.",
                                                         figure.figure.title, unpaired, count_text(judged, "ratio"))});
        }
    }
}

/// Many comparisons find something by chance alone; a reader should know how often.
void add_chance(Found& found, std::span<const FigureData> figures) {
    constexpr std::size_t many = 20;
    std::size_t judged = 0;
    std::size_t claims = 0;
    for (const FigureData& figure : figures) {
        for (const FigureRow& row : figure.rows) {
            judged += row.judgement ? 1 : 0;
            claims +=
                row.judgement && (row.judgement->verdict == lab::Verdict::faster || row.judgement->verdict == lab::Verdict::slower) ? 1 : 0;
        }
    }
    if (judged >= many) {
        found.push_back(
            {Tone::plain,
             fmt::format("{} of {} ratios are called faster or slower; were all code equal, chance alone would give at most {}.", claims,
                         judged, base::format_number(lab::expected_false_verdicts(judged), 2))});
    }
}

void add_time_caps(Found& found, const lab::StudyView& view) {
    std::size_t timings = 0;
    std::size_t capped = 0;
    double widest = 0;
    for (const lab::ViewRow& row : view.rows) {
        for (const lab::Timing& timing : row.record ? row.record->timings : std::vector<lab::Timing>{}) {
            ++timings;
            if (timing.stop == lab::StopReason::time_cap) {
                ++capped;
                const double width = timing.median.relative_half_width();
                widest = std::isfinite(width) ? std::max(widest, width) : widest;
            }
        }
    }
    if (capped > 0) {
        found.push_back({Tone::plain, fmt::format("{} of {} reached the time cap before the wanted precision; the widest interval is ±{}.",
                                                  capped, count_text(timings, "timing"), quantity_text(widest, "share"))});
    }
}

void add_origins(Found& found, const lab::StudyView& view) {
    const std::vector<std::string> versions = code_versions(view);
    for (const std::string& version : versions) {
        if (version.find("modified") != std::string::npos) {
            found.push_back({Tone::doubtful, fmt::format("The code had changes that no commit holds: {}.", version)});
        }
    }
    if (versions.size() > 1) {
        found.push_back({Tone::doubtful, fmt::format("Results of {} code versions are mixed; make one of them with: {} --rerun all",
                                                     versions.size(), view.command)});
    }
    std::map<std::string, std::size_t> hosts;
    for (const lab::ViewRow& row : view.rows) {
        if (row.record) {
            ++hosts[row.record->host.is_object() ? row.record->host.value("machine", std::string("?")) : std::string("?")];
        }
    }
    if (hosts.size() > 1) {
        found.push_back({Tone::doubtful, fmt::format("Results of {} machines are mixed: compare across them with care.", hosts.size())});
    }
}

}  // namespace

std::vector<Doubt> doubts(const lab::Store& store, const lab::StudyView& view, std::span<const FigureData> figures) {
    Found found;
    add_missing_numbers(found, view);
    for (const std::string& damaged : view.damaged) {
        found.push_back({Tone::bad, full_stop(fmt::format("A damaged run was left out: {}", damaged))});
    }
    add_mistrusted(found, view);
    add_noise_floor(found, store, view);
    add_verdicts(found, figures);
    add_chance(found, figures);
    add_time_caps(found, view);
    add_origins(found, view);
    // Gravest first; within a tone the order above stays.
    const auto gravity = [](const Doubt& doubt) { return doubt.tone == Tone::bad ? 0 : doubt.tone == Tone::doubtful ? 1 : 2; };
    std::ranges::stable_sort(found, {}, gravity);
    return found;
}

}  // namespace plumb::report
