// SPDX-License-Identifier: Apache-2.0
// Comparison of runs: ratio with interval and one of four verdicts, judged against the machine's noise floor.
//
// From samples, block by block, where both runs were measured interleaved (Record::group) and the metric is a timing: "time" is the first
// action of a run, "<action>_time" and "<action>" the action of that name. From samples of both sides, resampled apart, where they were not
// interleaved. From the intervals of the metric where it is not a timing itself (throughput, loss). Floors: the paired one for interleaved
// runs, the other one for the rest, both only for metrics that depend on time (unit "s" or "…/s"); what does not depend on time is judged
// against 1 %.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/statistics.h"
#include "lab/view.h"

namespace plumb::lab {

enum class Verdict { faster, slower, same, unclear };
std::string_view name(Verdict verdict);

struct Judgement {
    base::Interval ratio;  ///< baseline / candidate of a lower-is-better metric (candidate / baseline of a higher-is-better one): above 1 =
                           ///< candidate better
    Verdict verdict = Verdict::unclear;
    bool paired = false;  ///< samples were interleaved in one process, ratios are block by block
    std::string reason;   ///< "interval 1.52 to 1.61 clears the floor of 2.1 %"; names what to collect when unclear
};

/// floor: the machine's noise floor as a share, nullopt when it was never measured: then faster and slower become unclear.
/// Threshold t = max(1 %, floor). faster: low > 1 + t. slower: high < 1 / (1 + t). same: the interval lies within both. Else unclear. Where
/// noise is wide against t, one interval in twenty would clear it by chance: faster and slower also need the interval, widened to 99 %, to
/// leave out 1.
Judgement judge(base::Interval ratio, bool paired, std::optional<double> floor);

/// The timed action that a metric is the time of; nullopt when the metric is none.
std::optional<std::string> timed_action(const Record& record, std::string_view metric);

/// `baseline_record` and `candidate_record` point into the views that were compared.
struct ComparisonRow {
    std::size_t experiment = 0;
    Settings settings;  ///< those that vary, without the compared key; with "repeat" where points are repeated
    std::string baseline;
    std::string candidate;
    std::string baseline_status;  ///< "done" or why there is no number
    std::string candidate_status;
    const Record* baseline_record = nullptr;
    const Record* candidate_record = nullptr;
    std::optional<Judgement> judgement;  ///< empty: one side has no number; see the status
};

/// Compares two records by `metric`, as described above. Floors come from the store's noise file; on different machines the larger one
/// counts and the reason says that they differ. A metric without a better direction is never faster or slower.
Judgement compare_records(const Store& store, const Record& baseline, const Record& candidate, const Metric& metric);
/// The same for runs in two stores; the floors are read from both.
Judgement compare_records(const Store& baseline_store, const Record& baseline, const Store& candidate_store, const Record& candidate,
                          const Metric& metric);
/// Points of one study that differ only in `key`, each against the one with `baseline` (empty: the first value in the plan of each
/// experiment). Experiments where the key does not vary or the family lacks the metric are left out; throws usage with what there is when
/// none is left or `baseline` is no value of the key.
std::vector<ComparisonRow> compare_by(const Store& store, const StudyView& view, const std::string& key, const std::string& baseline,
                                      const std::string& metric);
/// Points of two studies (or of two runs of a study) with equal settings and repeat: by name of the experiment, else by family. Points that
/// only one side has are rows without a judgement. Throws usage with the known metrics when neither side knows `metric`.
std::vector<ComparisonRow> compare_views(const Store& store_a, const StudyView& a, const Store& store_b, const StudyView& b,
                                         const std::string& metric);

/// At most so many faster/slower verdicts are expected among `comparisons` of identical code: each interval misses the truth in 5 % of
/// cases.
double expected_false_verdicts(std::size_t comparisons);
/// One sentence with that number and the count of verdicts there are; empty for fewer than two judged rows.
std::string chance_remark(std::span<const ComparisonRow> rows);

}  // namespace plumb::lab
