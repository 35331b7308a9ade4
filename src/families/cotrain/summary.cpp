// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/summary.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/statistics.h"

namespace plumb::families::cotrain {

namespace {

using Values = std::vector<double>;

Values over(const std::vector<SplitRun*>& splits, const std::function<double(const SplitRun&)>& of) {
    Values values;
    for (const SplitRun* run : splits) values.push_back(of(*run));
    return values;
}

const RoundReport& first(const SplitRun& run) {
    return run.state().reports.front();
}
const RoundReport& last(const SplitRun& run) {
    return run.state().reports.back();
}
const RoundReport& returned(const SplitRun& run) {
    return run.state().reports[run.returned().round];
}
const RoundReport& at_round(const SplitRun& run, std::int64_t round) {
    const auto& reports = run.state().reports;
    return reports[std::min<std::size_t>(static_cast<std::size_t>(round), reports.size() - 1)];
}

double sum(const std::vector<std::int64_t>& counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
}

double fated(const SplitRun& run, const char* fate) {
    return static_cast<double>(std::ranges::count(run.state().ledger, fate, &LedgerRow::fate));
}

/// Splits whose last round has pseudo-labels of known truth.
Values precisions(const std::vector<SplitRun*>& splits) {
    Values values;
    for (const SplitRun* run : splits) {
        if (sum(last(*run).known) > 0) values.push_back(sum(last(*run).right) / sum(last(*run).known));
    }
    return values;
}

double worst_class_precision(const std::vector<SplitRun*>& splits) {
    const std::size_t classes = last(*splits.front()).pseudo.size();
    double worst = 1;
    for (std::size_t c = 0; c < classes; ++c) {
        double right = 0, known = 0;
        for (const SplitRun* run : splits) {
            right += static_cast<double>(last(*run).right[c]);
            known += static_cast<double>(last(*run).known[c]);
        }
        if (known > 0) worst = std::min(worst, right / known);
    }
    return worst;
}

}  // namespace

std::vector<lab::MetricValue> summarise(const std::vector<SplitRun*>& splits) {
    std::vector<lab::MetricValue> made;
    const auto mean = [&](const char* name, const std::function<double(const SplitRun&)>& of) {
        made.push_back(lab::estimate(name, base::mean_interval(over(splits, of)), splits.size()));
    };
    const Values gains = over(splits, [](const SplitRun& run) { return returned(run).test[2] - first(run).test[2]; });
    mean("accuracy", [](const SplitRun& run) { return returned(run).test[2]; });
    mean("labels_only_accuracy", [](const SplitRun& run) { return first(run).test[2]; });
    made.push_back(lab::estimate("gain", base::mean_interval(gains), splits.size()));
    made.push_back(lab::exact("worst_gain", *std::ranges::min_element(gains)));
    made.push_back(lab::exact("harmed", static_cast<double>(std::ranges::count_if(gains, [](double gain) { return gain < 0; }))));
    mean("error", [](const SplitRun& run) { return 1 - returned(run).test[2]; });
    mean("labels_only_error", [](const SplitRun& run) { return 1 - first(run).test[2]; });
    made.push_back(
        lab::exact("lowest_accuracy", std::ranges::min(over(splits, [](const SplitRun& run) { return returned(run).test[2]; }))));
    mean("view0_accuracy", [](const SplitRun& run) { return returned(run).test[0]; });
    mean("view1_accuracy", [](const SplitRun& run) { return returned(run).test[1]; });
    mean("labels_only_view0_accuracy", [](const SplitRun& run) { return first(run).test[0]; });
    mean("labels_only_view1_accuracy", [](const SplitRun& run) { return first(run).test[1]; });
    mean("last_accuracy", [](const SplitRun& run) { return last(run).test[2]; });
    made.push_back(
        lab::exact("guarded", static_cast<double>(std::ranges::count_if(splits, [](const SplitRun* run) { return run->guarded(); }))));
    mean("pseudo_labels", [](const SplitRun& run) { return sum(last(run).pseudo); });
    if (const Values known = precisions(splits); !known.empty()) {
        made.push_back(lab::estimate("pseudo_precision", base::mean_interval(known), known.size()));
        made.push_back(lab::exact("worst_class_precision", worst_class_precision(splits)));
    }
    mean("prior_drift", [](const SplitRun& run) { return last(run).drift; });
    mean("collisions", [](const SplitRun& run) { return fated(run, "conflict") / 2; });
    mean("lost", [](const SplitRun& run) { return fated(run, "lost"); });
    mean("ece_before", [](const SplitRun& run) { return returned(run).ece_before; });
    mean("ece", [](const SplitRun& run) { return returned(run).ece_after; });
    mean("disagreement_before", [](const SplitRun& run) { return first(run).disagreement; });
    mean("disagreement", [](const SplitRun& run) { return last(run).disagreement; });
    mean("pool_left", [](const SplitRun& run) { return static_cast<double>(last(run).pool); });
    mean("rounds_done", [](const SplitRun& run) { return static_cast<double>(last(run).round); });
    return made;
}

std::vector<std::pair<std::string, double>> summarise_round(const std::vector<SplitRun*>& splits, std::int64_t round) {
    std::vector<std::pair<std::string, double>> made;
    const auto add = [&](const std::string& name, const std::function<double(const RoundReport&)>& of, bool with_interval) {
        const base::Interval interval = base::mean_interval(over(splits, [&](const SplitRun& run) { return of(at_round(run, round)); }));
        made.emplace_back(name, interval.value);
        if (!with_interval) return;
        made.emplace_back(name + "_low", interval.low);
        made.emplace_back(name + "_high", interval.high);
    };
    add(
        "accuracy", [](const RoundReport& report) { return report.test[2]; }, true);
    add(
        "view0_accuracy", [](const RoundReport& report) { return report.test[0]; }, true);
    add(
        "view1_accuracy", [](const RoundReport& report) { return report.test[1]; }, true);
    add(
        "validation", [](const RoundReport& report) { return report.validation[2]; }, false);
    add(
        "pool", [](const RoundReport& report) { return static_cast<double>(report.pool); }, false);
    add(
        "pseudo_labels", [](const RoundReport& report) { return sum(report.pseudo); }, false);
    add(
        "prior_drift", [](const RoundReport& report) { return report.drift; }, false);
    add(
        "disagreement", [](const RoundReport& report) { return report.disagreement; }, false);
    add(
        "ece", [](const RoundReport& report) { return report.ece_after; }, false);
    return made;
}

}  // namespace plumb::families::cotrain
