// SPDX-License-Identifier: Apache-2.0
// What a study says in a few lines: its counts, its answers, and what to doubt. The page and the console summary word these alike.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lab/view.h"
#include "report/figure_data.h"
#include "report/table.h"

namespace plumb::report {

struct Counts {
    std::size_t points = 0;
    std::map<std::string, std::size_t> by_status;  ///< "done", "failed", ..., "not run"
    std::size_t mistrusted = 0;                    ///< of the done ones

    /// "36 points, 35 done and verified, 1 unsupported"
    std::string text() const;
};
Counts count_points(const lab::StudyView& view);

struct AnswerCard {
    std::string headline;  ///< "512×", "85 %", "35 / 35"; an en dash where there is no number
    std::string text;      ///< what the number is
    std::string detail;    ///< interval, how it was got, or why there is none
    std::string verdict;   ///< of ratios: "faster", ...; else empty
};
std::vector<AnswerCard> answer_cards(const lab::Store& store, const lab::StudyView& view);

struct Doubt {
    Tone tone = Tone::plain;
    std::string text;
};
/// Everything that weakens the study's numbers, gravest first. `figures`: the drawn data, for verdicts and pairing.
std::vector<Doubt> doubts(const lab::Store& store, const lab::StudyView& view, std::span<const FigureData> figures);

/// The last day on which a point ended, "22 Nov 2026"; empty when nothing has run.
std::string last_day(const lab::StudyView& view);
/// Distinct code versions of the runs that count, in order of the plan.
std::vector<std::string> code_versions(const lab::StudyView& view);

}  // namespace plumb::report
