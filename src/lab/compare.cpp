// SPDX-License-Identifier: Apache-2.0
#include "lab/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/units.h"
#include "lab/noise.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

namespace {

constexpr double least_threshold = 0.01;
constexpr double widening_to_99 = 2.5758 / 1.9600;  // normal quantiles of 99 % and 95 %
constexpr const char* lonely = "one value says nothing about noise: collect more samples";

struct Side {
    const Store& store;
    const Record& record;
};

std::string percent(double share) {
    return base::format_number(100 * share, 2) + " %";
}

std::string shown(const base::Interval& interval) {
    return fmt::format("interval {} to {}", base::format_number(interval.low), base::format_number(interval.high));
}

std::string machine_of(const Record& record) {
    const bool known = record.host.is_object() && record.host.contains("machine") && record.host["machine"].is_string();
    return known ? record.host["machine"].get<std::string>() : std::string{};
}

bool depends_on_time(const Metric& metric) {
    return metric.unit == "s" || metric.unit.ends_with("/s");
}

bool were_interleaved(const Record& a, const Record& b) {
    return !a.group.empty() && a.group == b.group;
}

std::optional<double> floor_of(const Side& side, bool interleaved) {
    const std::optional<NoiseFloor> floor = load_noise_floor(side.store, machine_of(side.record));
    if (!floor) return std::nullopt;
    return interleaved ? floor->paired : floor->unpaired;
}

/// The floor that a ratio of `metric` must clear; 0 where noise of the machine plays no part.
std::optional<double> floor_between(const Side& baseline, const Side& candidate, const Metric& metric) {
    if (!depends_on_time(metric)) return 0;
    const bool interleaved = were_interleaved(baseline.record, candidate.record);
    const std::optional<double> first = floor_of(baseline, interleaved);
    const std::optional<double> second = floor_of(candidate, interleaved);
    if (!first || !second) return std::nullopt;
    return std::max(*first, *second);
}

/// A ratio and the words on how it was got.
struct Measured {
    base::Interval ratio;
    bool paired = false;
    std::string how;
    std::string doubt;  ///< why no verdict may be drawn; empty where one may
};

Measured ratio_of_samples(const Side& over, const Side& under, const std::string& action_over, const std::string& action_under) {
    const std::vector<double> numerator = over.store.read_samples(over.record, action_over);
    const std::vector<double> denominator = under.store.read_samples(under.record, action_under);
    const std::size_t fewest = std::min(numerator.size(), denominator.size());
    if (fewest == 0) return {{}, false, {}, "a run has no stored samples"};
    Measured result;
    result.paired = were_interleaved(over.record, under.record) && numerator.size() == denominator.size();
    result.ratio = result.paired ? base::paired_ratio(numerator, denominator) : base::unpaired_ratio(numerator, denominator);
    result.how = result.paired ? fmt::format("{} blocks, interleaved", fewest)
                               : fmt::format("at least {} samples a side, not interleaved: drift between the runs is in the ratio", fewest);
    if (fewest == 1) result.doubt = lonely;
    return result;
}

Measured ratio_of_metrics(const Side& over, const Side& under, const Metric& metric) {
    const MetricValue* numerator = over.record.metric(metric.name);
    const MetricValue* denominator = under.record.metric(metric.name);
    if (!numerator || !denominator) return {{}, false, {}, fmt::format("a run has no '{}'", metric.name)};
    const auto is_exact = [](const MetricValue& value) { return value.low == value.value && value.high == value.value; };
    Measured result;
    result.ratio = base::ratio_of_intervals({numerator->value, numerator->low, numerator->high},
                                            {denominator->value, denominator->low, denominator->high});
    if (is_exact(*numerator) && is_exact(*denominator)) {
        result.how = "single values without an interval";
        if (depends_on_time(metric)) result.doubt = lonely;
        // Exact values may also be zero or negative; only equality can be told then.
        if (std::isnan(result.ratio.value) && numerator->value == denominator->value) result.ratio = {1, 1, 1};
    } else {
        result.how = "from the intervals of both values";
    }
    if (depends_on_time(metric) && !were_interleaved(over.record, under.record))
        result.how += ", not interleaved: drift between the runs is in the ratio";
    return result;
}

Measured measured_ratio(const Side& over, const Side& under, const Metric& metric) {
    const std::optional<std::string> action_over = timed_action(over.record, metric.name);
    const std::optional<std::string> action_under = timed_action(under.record, metric.name);
    if (action_over && action_under) return ratio_of_samples(over, under, *action_over, *action_under);
    return ratio_of_metrics(over, under, metric);
}

/// What a reader must know of the two runs: other machine, other compiler, doubtful check.
std::string remarks(const Record& baseline, const Record& candidate) {
    std::string text;
    const auto differs = [&](const char* fact) {
        if (!baseline.host.is_object() || !candidate.host.is_object()) return false;
        return baseline.host.value(fact, nlohmann::json()) != candidate.host.value(fact, nlohmann::json());
    };
    if (machine_of(baseline) != machine_of(candidate)) {
        text += fmt::format("; measured on different machines ({} and {})", machine_of(baseline), machine_of(candidate));
    }
    for (const char* fact : {"compiler", "governor"}) {
        if (differs(fact)) text += fmt::format("; the {} differs", fact);
    }
    if (baseline.mistrusted()) text += "; a check of the baseline is mistrusted";
    if (candidate.mistrusted()) text += "; a check of the candidate is mistrusted";
    return text;
}

}  // namespace

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::faster:
            return "faster";
        case Verdict::slower:
            return "slower";
        case Verdict::same:
            return "same";
        case Verdict::unclear:
            break;
    }
    return "unclear";
}

Judgement judge(base::Interval ratio, bool paired, std::optional<double> floor) {
    Judgement judgement{.ratio = ratio, .verdict = Verdict::unclear, .paired = paired, .reason = {}};
    if (std::isnan(ratio.value) || std::isnan(ratio.low) || std::isnan(ratio.high)) {
        judgement.reason = "no ratio: a value is missing, zero, negative or not a number";
        return judgement;
    }
    const double threshold = std::max(least_threshold, floor.value_or(0));
    const double upper = 1 + threshold;
    const double lower = 1 / upper;
    const std::string bar =
        floor && *floor > least_threshold ? fmt::format("the noise floor of {}", percent(*floor)) : percent(least_threshold);
    const bool above = ratio.low > upper;
    const bool below = ratio.high < lower;
    const bool certain = above ? std::log(ratio.value) > widening_to_99 * std::log(ratio.value / ratio.low)
                               : std::log(ratio.value) < -widening_to_99 * std::log(ratio.high / ratio.value);
    if ((above || below) && certain) {
        if (floor) judgement.verdict = above ? Verdict::faster : Verdict::slower;
        judgement.reason = fmt::format("{} clears {}", shown(ratio), bar);
        if (!floor) judgement.reason += "; no noise floor yet: plumb doctor";
    } else if (ratio.low >= lower && ratio.high <= upper) {
        judgement.verdict = Verdict::same;
        judgement.reason = fmt::format("{} stays within {}", shown(ratio), bar);
    } else if (above || below || ratio.high - ratio.low > threshold) {
        judgement.reason = fmt::format("{} is too wide for {}: collect more samples", shown(ratio), bar);
    } else {
        judgement.reason = fmt::format("{} lies across {}: only a quieter machine can tell", shown(ratio), bar);
    }
    return judgement;
}

std::optional<std::string> timed_action(const Record& record, std::string_view metric) {
    if (record.timings.empty()) return std::nullopt;
    if (metric == "time") return record.timings.front().action;
    for (const Timing& timing : record.timings) {
        if (metric == timing.action || metric == timing.action + "_time") return timing.action;
    }
    return std::nullopt;
}

Judgement compare_records(const Store& store, const Record& baseline, const Record& candidate, const Metric& metric) {
    return compare_records(store, baseline, store, candidate, metric);
}

Judgement compare_records(const Store& baseline_store, const Record& baseline, const Store& candidate_store, const Record& candidate,
                          const Metric& metric) {
    const Side first{baseline_store, baseline};
    const Side second{candidate_store, candidate};
    const bool lower_is_better = metric.better == Metric::Better::lower;
    const Measured measured = lower_is_better ? measured_ratio(first, second, metric) : measured_ratio(second, first, metric);
    Judgement judgement = judge(measured.ratio, measured.paired, floor_between(first, second, metric));
    if (!measured.doubt.empty()) {
        judgement.verdict = Verdict::unclear;
        judgement.reason = measured.doubt;
    } else if (metric.better == Metric::Better::neither && judgement.verdict != Verdict::same) {
        judgement.verdict = Verdict::unclear;
        judgement.reason += fmt::format("; '{}' has no better direction", metric.name);
    }
    if (!measured.how.empty()) judgement.reason += fmt::format(" ({})", measured.how);
    judgement.reason += remarks(baseline, candidate);
    return judgement;
}

double expected_false_verdicts(std::size_t comparisons) {
    return 0.05 * static_cast<double>(comparisons);
}

std::string chance_remark(std::span<const ComparisonRow> rows) {
    std::size_t judged = 0;
    std::size_t claims = 0;
    for (const ComparisonRow& row : rows) {
        if (!row.judgement) continue;
        ++judged;
        claims += row.judgement->verdict == Verdict::faster || row.judgement->verdict == Verdict::slower;
    }
    if (judged < 2) return {};
    return fmt::format("{} of {} comparisons are faster or slower; if all code were equal, chance alone would give at most {}", claims,
                       judged, base::format_number(expected_false_verdicts(judged), 2));
}

}  // namespace plumb::lab
