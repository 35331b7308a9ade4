// SPDX-License-Identifier: Apache-2.0
// Which points of studies are compared with which: the pairing half of compare.h.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "lab/compare.h"
#include "nlohmann/json.hpp"

namespace plumb::lab {

namespace {

/// Why a row has no number, "done" where it has one.
std::string status_of(const ViewRow* row, const std::string& metric, const std::string& if_absent) {
    if (!row) return if_absent;
    const std::string status = row->status();
    if (!row->record || row->record->status != Status::done) return row->reason().empty() ? status : status + ": " + row->reason();
    if (!row->record->verified()) return "done, but a check failed";
    if (!row->record->metric(metric) && !timed_action(*row->record, metric)) return "done, but has no '" + metric + "'";
    return "done";
}

const Record* record_of(const ViewRow* row) {
    return row && row->record ? &*row->record : nullptr;
}

/// Records and statuses of two rows; an absent one was never planned.
ComparisonRow paired_row(const ViewRow* baseline, const ViewRow* candidate, const std::string& metric,
                         const std::string& if_absent = "not planned") {
    ComparisonRow row;
    row.baseline_status = status_of(baseline, metric, if_absent);
    row.candidate_status = status_of(candidate, metric, if_absent);
    row.baseline_record = record_of(baseline);
    row.candidate_record = record_of(candidate);
    return row;
}

bool both_done(const ComparisonRow& row) {
    return row.baseline_status == "done" && row.candidate_status == "done";
}

const Metric* find_metric(const ViewExperiment& experiment, const std::string& name) {
    const auto found =
        std::find_if(experiment.metrics.begin(), experiment.metrics.end(), [&](const Metric& metric) { return metric.name == name; });
    return found == experiment.metrics.end() ? nullptr : &*found;
}

Type type_of(const ViewExperiment& experiment, const std::string& key) {
    for (const Parameter& parameter : experiment.parameters) {
        if (parameter.name == key) return parameter.type;
    }
    return Type::text;
}

Settings without(Settings settings, const std::string& key) {
    std::erase_if(settings, [&](const Setting& setting) { return setting.name == key; });
    return settings;
}

/// What two points must share to be compared.
std::string identity(const Settings& settings, int repeat) {
    return to_json(settings).dump() + "#" + std::to_string(repeat);
}

Settings shown_settings(const Point& point, const std::vector<std::string>& varying, bool repeated) {
    Settings shown;
    for (const Setting& setting : point.settings) {
        if (std::find(varying.begin(), varying.end(), setting.name) != varying.end()) shown.push_back(setting);
    }
    if (repeated) shown.push_back({"repeat", std::int64_t{point.repeat}});
    return shown;
}

bool is_repeated(const std::vector<const ViewRow*>& rows) {
    return std::any_of(rows.begin(), rows.end(), [](const ViewRow* row) { return row->point.repeat > 0; });
}

[[noreturn]] void refuse_metric(const std::string& metric, std::span<const StudyView* const> views) {
    std::set<std::string> names;
    for (const StudyView* view : views) {
        for (const ViewExperiment& experiment : view->experiments) {
            for (const Metric& known : experiment.metrics) names.insert(known.name);
        }
    }
    const std::vector<std::string> known(names.begin(), names.end());
    throw base::Error(base::ErrorKind::usage, fmt::format("no experiment measures '{}'", metric), base::suggest(metric, known));
}

/// One experiment cut along the compared key.
class Contrast {
  public:
    Contrast(const StudyView& view, std::size_t index, const std::string& key)
        : experiment_(view.experiments[index]), index_(index), key_(key), type_(type_of(experiment_, key)), rows_(view.rows_of(index)) {
        for (const ViewRow* row : rows_) {
            const Value* value = find(row->point.settings, key);
            if (value && std::find(values_.begin(), values_.end(), *value) == values_.end()) values_.push_back(*value);
        }
    }

    bool varies() const { return values_.size() > 1; }
    const std::vector<Value>& values() const { return values_; }
    std::string text(const Value& value) const { return format(value, type_); }

    /// The value that `baseline` means; the first one for an empty text.
    std::optional<Value> resolve(const std::string& baseline) const {
        if (baseline.empty()) return values_.front();
        for (const Value& value : values_) {
            if (text(value) == baseline) return value;
        }
        try {
            const Value typed = Schema(experiment_.parameters).parse(key_, baseline);
            if (std::find(values_.begin(), values_.end(), typed) != values_.end()) return typed;
        } catch (const base::Error&) {
            // Not a value of this experiment; the caller names those that are.
        }
        return std::nullopt;
    }

    void append(const Store& store, const Value& baseline, const Metric& metric, std::vector<ComparisonRow>& out) const {
        const bool repeated = is_repeated(rows_);
        std::map<std::string, const ViewRow*> baselines;
        for (const ViewRow* row : rows_) {
            if (has(*row, baseline)) baselines.emplace(identity(without(row->point.settings, key_), row->point.repeat), row);
        }
        for (const ViewRow* candidate : rows_) {
            const Value* value = find(candidate->point.settings, key_);
            if (!value || *value == baseline) continue;
            const auto partner = baselines.find(identity(without(candidate->point.settings, key_), candidate->point.repeat));
            ComparisonRow row = paired_row(partner == baselines.end() ? nullptr : partner->second, candidate, metric.name);
            row.experiment = index_;
            row.settings = without(shown_settings(candidate->point, experiment_.varying, repeated), key_);
            row.baseline = text(baseline);
            row.candidate = text(*value);
            if (both_done(row)) row.judgement = compare_records(store, *row.baseline_record, *row.candidate_record, metric);
            out.push_back(std::move(row));
        }
    }

  private:
    bool has(const ViewRow& row, const Value& wanted) const {
        const Value* value = find(row.point.settings, key_);
        return value && *value == wanted;
    }

    const ViewExperiment& experiment_;
    std::size_t index_;
    std::string key_;
    Type type_;
    std::vector<const ViewRow*> rows_;
    std::vector<Value> values_;
};

/// The other study's points by experiment and identity, then by family and identity.
class Partners {
  public:
    explicit Partners(const StudyView& view) : view_(view) {
        for (const ViewRow& row : view.rows) {
            const ViewExperiment& experiment = view.experiments[row.experiment];
            rows_.emplace(key(experiment.family, experiment.name, row.point), &row);
            rows_.emplace(key(experiment.family, {}, row.point), &row);
        }
    }

    const ViewRow* find(const ViewExperiment& experiment, const Point& point) const {
        const bool same_name = std::any_of(view_.experiments.begin(), view_.experiments.end(), [&](const ViewExperiment& other) {
            return other.name == experiment.name && other.family == experiment.family;
        });
        const auto found = rows_.find(key(experiment.family, same_name ? experiment.name : std::string{}, point));
        return found == rows_.end() ? nullptr : found->second;
    }

  private:
    static std::string key(const std::string& family, const std::string& experiment, const Point& point) {
        return family + "/" + experiment + "/" + identity(point.settings, point.repeat);
    }

    const StudyView& view_;
    std::map<std::string, const ViewRow*> rows_;
};

/// What tells two sides apart: the study's name, else its store, else the run.
std::string label(const StudyView& view, const StudyView& other, const Store& store, const Store& other_store, const ViewRow* row) {
    if (view.name != other.name) return view.name;
    if (store.root() != other_store.root()) return (store.root() / view.name).string();
    return row && row->record ? row->record->run : view.name;
}

}  // namespace

std::vector<ComparisonRow> compare_by(const Store& store, const StudyView& view, const std::string& key, const std::string& baseline,
                                      const std::string& metric) {
    std::set<std::string> keys;
    std::set<std::string> values;
    bool metric_known = false;
    std::vector<ComparisonRow> rows;
    bool compared = false;
    for (std::size_t index = 0; index < view.experiments.size(); ++index) {
        const ViewExperiment& experiment = view.experiments[index];
        keys.insert(experiment.varying.begin(), experiment.varying.end());
        const Metric* measured = find_metric(experiment, metric);
        metric_known = metric_known || measured;
        const Contrast contrast(view, index, key);
        if (!measured || !contrast.varies()) continue;
        for (const Value& value : contrast.values()) values.insert(contrast.text(value));
        const std::optional<Value> against = contrast.resolve(baseline);
        if (!against) continue;
        compared = true;
        contrast.append(store, *against, *measured, rows);
    }
    if (compared) return rows;
    const StudyView* views[] = {&view};
    if (!metric_known) refuse_metric(metric, views);
    if (values.empty()) {
        const std::vector<std::string> known(keys.begin(), keys.end());
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("'{}' does not vary in study '{}' where '{}' is measured", key, view.name, metric),
                          base::suggest(key, known));
    }
    const std::vector<std::string> known(values.begin(), values.end());
    throw base::Error(base::ErrorKind::usage, fmt::format("no point of study '{}' has {}={}", view.name, key, baseline),
                      base::suggest(baseline, known));
}

std::vector<ComparisonRow> compare_views(const Store& store_a, const StudyView& a, const Store& store_b, const StudyView& b,
                                         const std::string& metric) {
    const Partners partners(b);
    std::set<const ViewRow*> used;
    std::vector<ComparisonRow> rows;
    bool metric_known = false;
    const auto append = [&](const ViewExperiment& experiment, const ViewRow* first, const ViewRow* second) {
        const ViewRow& shown = first ? *first : *second;
        const StudyView& home = first ? a : b;
        ComparisonRow row = paired_row(first, second, metric, fmt::format("not in {}", first ? b.name : a.name));
        row.experiment = shown.experiment;
        row.settings = shown_settings(shown.point, experiment.varying, is_repeated(home.rows_of(shown.experiment)));
        row.baseline = label(a, b, store_a, store_b, first);
        row.candidate = label(b, a, store_b, store_a, second);
        const Metric* measured = find_metric(experiment, metric);
        if (both_done(row)) row.judgement = compare_records(store_a, *row.baseline_record, store_b, *row.candidate_record, *measured);
        rows.push_back(std::move(row));
    };
    for (const ViewRow& row : a.rows) {
        const ViewExperiment& experiment = a.experiments[row.experiment];
        if (!find_metric(experiment, metric)) continue;
        metric_known = true;
        const ViewRow* partner = partners.find(experiment, row.point);
        if (partner) used.insert(partner);
        append(experiment, &row, partner);
    }
    for (const ViewRow& row : b.rows) {
        const ViewExperiment& experiment = b.experiments[row.experiment];
        if (used.contains(&row) || !find_metric(experiment, metric)) continue;
        metric_known = true;
        append(experiment, nullptr, &row);
    }
    const StudyView* views[] = {&a, &b};
    if (!metric_known) refuse_metric(metric, views);
    return rows;
}

}  // namespace plumb::lab
